import type { CodegenConfig } from '@graphql-codegen/cli';

const scalars = { DateTime: 'string', Base64: 'string', PlistJSON: 'unknown' };

/** Typed documents for the clients and the tests, made from the committed SDL. Built, not committed. */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  ignoreNoDocuments: true,
  generates: {
    'generated/gql/': {
      documents: ['clients/**/*.ts', 'test/**/*.ts', '!clients/sdk/**', '!**/*.d.ts'],
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        importExtension: '.ts',
        emitLegacyCommonJSImports: false,
        strictScalars: true,
        defaultScalarType: 'unknown',
        scalars,
      },
    },
    // The SDK is a package of its own, so it has types of its own, beside it and without any import.
    'clients/sdk/generated/operations.ts': {
      documents: ['clients/sdk/documents/*.ts'],
      plugins: ['typescript-operations'],
      config: {
        enumsAsTypes: true,
        strictScalars: true,
        defaultScalarType: 'unknown',
        immutableTypes: true,
        scalars,
      },
    },
  },
};

export default config;
