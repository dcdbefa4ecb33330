import type { CodegenConfig } from '@graphql-codegen/cli';

/** Typed documents for the clients and the tests, made from the committed SDL. Built, not committed. */
const config: CodegenConfig = {
  schema: 'schema/schema.graphql',
  documents: ['clients/**/*.ts', 'test/**/*.ts', '!**/*.d.ts'],
  ignoreNoDocuments: true,
  generates: {
    'generated/gql/': {
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
        scalars: {
          DateTime: 'string',
          Base64: 'string',
          PlistJSON: 'unknown',
        },
      },
    },
  },
};

export default config;
