import { graphql } from '../../../generated/gql/gql.ts';
import type {
  CliRequestPushCertificateMutation,
  SigningRouteInput,
} from '../../../generated/gql/graphql.ts';
import { type Call, command, type Values } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { fileOf } from '../files.ts';
import { shape } from '../output/fields.ts';
import { secretOf } from '../secrets.ts';

const document = graphql(`
  mutation CliRequestPushCertificate($input: CreatePushCertificateRequestInput!) {
    createPushCertificateRequest(input: $input) {
      __typename
      ... on CreatePushCertificateRequestPayload {
        requestId
        csr
        signedRequest
        mdmcertRequest {
          url
          body
        }
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

type Row = Extract<
  CliRequestPushCertificateMutation['createPushCertificateRequest'],
  { __typename: 'CreatePushCertificateRequestPayload' }
>;

const requestShape = shape(
  {
    requestId: { what: 'its id, for `pushcert complete`', of: (row: Row) => row.requestId },
    csr: { what: 'the request as PEM, for a vendor to sign', of: (row) => row.csr },
    signedRequest: { what: "what to upload at Apple's portal", of: (row) => row.signedRequest },
    mdmcertRequest: { what: 'what to send to mdmcert.download', of: (row) => row.mdmcertRequest },
  },
  [],
);

const flags = {
  name: { type: 'text', value: 'NAME', what: 'a name to know it by' },
  'vendor-certificate': {
    type: 'text',
    value: 'FILE',
    isFile: true,
    what: "an MDM vendor's certificate, to sign with; with --vendor-key and --vendor-chain",
  },
  'vendor-key': { type: 'text', value: 'FILE', isFile: true, what: 'its key, as PEM' },
  'vendor-chain': {
    type: 'list',
    value: 'FILE',
    what: "Apple's intermediate and root above it, as PEM",
  },
  'password-file': {
    type: 'text',
    value: 'FILE',
    isFile: true,
    what: 'what the vendor key is encrypted with; else GRAPHMDM_KEY_PASSWORD',
  },
} as const;

export const pushcertRequest = command({
  words: ['pushcert', 'request'],
  what: 'makes a key and a request for a push certificate',
  more:
    'Without a vendor stdout holds the request alone (PEM), for your vendor to sign. With one it holds what to\n' +
    "upload at Apple's portal. The id for `pushcert complete` is on stderr.",
  flags,
  fields: requestShape.fields,
  examples: [
    'graphmdm pushcert request --name "Example MDM" > request.csr',
    'graphmdm pushcert request --name "Example MDM" --vendor-certificate v.pem --vendor-key v.key --vendor-chain wwdr.pem,root.pem > upload.txt',
  ],
  async run({ flags, io, out, connect }) {
    const { name } = flags;
    if (name === undefined) throw usage('--name is missing: a name to know it by.');
    const input = { commonName: name, route: await routeOf(flags, io) };
    const answer = await connect().mutate(document, { input });
    const made = done(answer.createPushCertificateRequest);
    if (out.isJson) {
      await out.item(requestShape, made);
      return exit.ok;
    }
    await out.note(`Request ${made.requestId}. When Apple has answered:`);
    await out.note(`graphmdm pushcert complete ${made.requestId} --file CERTIFICATE`);
    await out.text(made.signedRequest ?? made.csr);
    return exit.ok;
  },
});

async function routeOf(given: Values<typeof flags>, io: Call['io']): Promise<SigningRouteInput> {
  const {
    'vendor-certificate': certificate,
    'vendor-key': key,
    'vendor-chain': chain,
    'password-file': passwordFile,
  } = given;
  if (certificate === undefined && key === undefined && chain.length === 0) return { csr: true };
  if (certificate === undefined || key === undefined || chain.length === 0) {
    throw usage('--vendor-certificate, --vendor-key and --vendor-chain go together.');
  }
  const text = async (flag: string, path: string) =>
    (await fileOf(flag, path, io)).toString('utf8');
  const links: string[] = [];
  for (const path of chain) links.push(await text('vendor-chain', path));
  const password = await secretOf('password-file', passwordFile, 'GRAPHMDM_KEY_PASSWORD', io);
  return {
    vendor: {
      certificate: await text('vendor-certificate', certificate),
      key: await text('vendor-key', key),
      chain: links,
      ...(password !== undefined && { password }),
    },
  };
}
