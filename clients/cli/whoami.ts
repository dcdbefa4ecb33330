import { graphql } from '../../generated/gql/gql.ts';
import type { CliViewerQuery } from '../../generated/gql/graphql.ts';
import { command } from './command.ts';
import { exit } from './exit.ts';
import { shape } from './output/fields.ts';

const document = graphql(`
  query CliViewer {
    viewer {
      actor
      allTenants
      expiresAt
      scopes
      tenantId
    }
  }
`);

type Row = CliViewerQuery['viewer'] & { readonly url: string };

const viewerShape = shape(
  {
    actor: { what: 'as whom the server knows you', of: (row: Row) => row.actor },
    url: { what: 'the server', of: (row) => row.url },
    scopes: { what: 'what you may', of: (row) => row.scopes },
    tenantId: { what: 'your tenant', of: (row) => row.tenantId },
    allTenants: { what: 'whether you see all tenants', of: (row) => row.allTenants },
    expiresAt: { what: 'until when', of: (row) => row.expiresAt },
  },
  [],
);

export const whoami = command({
  words: ['whoami'],
  what: 'shows as whom the server knows you, and what you may',
  flags: {},
  fields: viewerShape.fields,
  examples: ['graphmdm whoami --json scopes'],
  async run({ out, connect, server }) {
    const { viewer } = await connect().query(document, {});
    await out.item(viewerShape, { ...viewer, url: server().url });
    return exit.ok;
  },
});
