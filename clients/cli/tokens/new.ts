import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import type { Output } from '../output/output.ts';
import { shape } from '../output/fields.ts';
import { timeOf } from '../times.ts';

const create = graphql(`
  mutation CliCreateToken($input: CreateApiTokenInput!) {
    createApiToken(input: $input) {
      __typename
      ... on NewApiTokenPayload {
        secret
        apiToken {
          tokenId
          name
          expiresAt
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

const rotate = graphql(`
  mutation CliRotateToken($input: RotateApiTokenInput!) {
    rotateApiToken(input: $input) {
      __typename
      ... on NewApiTokenPayload {
        secret
        apiToken {
          tokenId
          name
          expiresAt
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

interface Row {
  readonly secret: string;
  readonly apiToken: {
    readonly tokenId: string;
    readonly name: string;
    readonly expiresAt: string | null;
  } | null;
}

const newShape = shape(
  {
    secret: { what: 'the token itself; it is shown once', of: (row: Row) => row.secret },
    tokenId: { what: 'its id', of: (row) => row.apiToken?.tokenId ?? null },
    name: { what: 'what it is for', of: (row) => row.apiToken?.name ?? null },
    expiresAt: { what: 'until when it is good', of: (row) => row.apiToken?.expiresAt ?? null },
  },
  [],
);

export const tokensCreate = command({
  words: ['tokens', 'create'],
  what: 'makes an API token, and prints it once',
  more: 'Without --json stdout holds the token alone, so that it can go into a file.',
  flags: {
    name: { type: 'text', value: 'NAME', what: 'what it is for' },
    scopes: { type: 'list', value: 'SCOPE', what: 'what it may, such as enrollments:read' },
    expires: {
      type: 'text',
      value: 'TIME',
      what: 'until when: a time, or 90d from now; else for ever',
    },
    tenant: { type: 'text', value: 'ID', what: 'of this tenant; else as far as yours reaches' },
  },
  fields: newShape.fields,
  examples: [
    'graphmdm tokens create --name dashboard --scopes enrollments:read,events:read --expires 90d > token-file',
  ],
  async run({ flags: { name, scopes, expires, tenant }, out, connect }) {
    out.demand(newShape);
    if (name === undefined) throw usage('--name is missing: what the token is for.');
    if (scopes.length === 0) {
      throw usage('--scopes is missing.', '`graphmdm whoami` lists those that you can give.');
    }
    const expiresAt = timeOf('expires', expires);
    const input = {
      name,
      scopes,
      ...(expiresAt && { expiresAt }),
      ...(tenant !== undefined && { tenantId: tenant }),
    };
    return await shown(out, done((await connect().mutate(create, { input })).createApiToken));
  },
});

export const tokensRotate = command({
  words: ['tokens', 'rotate'],
  what: 'gives a token a new secret, and prints it once',
  argument: { name: 'ID', what: 'its id' },
  flags: {
    overlap: {
      type: 'number',
      value: 'SECONDS',
      what: 'how long the old secret goes on; 0 unless said',
    },
    expires: { type: 'text', value: 'TIME', what: 'until when; else as the old one' },
  },
  fields: newShape.fields,
  examples: ['graphmdm tokens rotate 3 --overlap 3600 > token-file'],
  async run({ args: [tokenId = ''], flags: { overlap, expires }, out, connect }) {
    out.demand(newShape);
    const expiresAt = timeOf('expires', expires);
    const input = {
      tokenId,
      ...(overlap !== undefined && { overlapSeconds: overlap }),
      ...(expiresAt && { expiresAt }),
    };
    return await shown(out, done((await connect().mutate(rotate, { input })).rotateApiToken));
  },
});

async function shown(out: Output, made: Row): Promise<number> {
  if (out.isJson) {
    await out.item(newShape, made);
    return exit.ok;
  }
  const { apiToken } = made;
  if (apiToken) await out.note(`Token ${apiToken.tokenId}, ${apiToken.name}. It is shown once:`);
  await out.text(made.secret);
  return exit.ok;
}
