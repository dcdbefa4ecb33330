import type { Prisma } from '../generated/prisma/client.ts';
import { scopesIn } from '../server/model/viewer.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { isUuid } from './job.ts';
import { keyList } from './key-page.ts';
import { nodesQuery, ofTenant } from './load.ts';
import { linkTenant, Tenant } from './tenant.ts';

const readers = { scope: 'tokens:read' } as const;

const nobody = '00000000-0000-0000-0000-000000000000';

const State = builder.enumType('ApiTokenState', {
  description: 'Whether an API token is good.',
  values: {
    GOOD: { description: 'It can be used.' },
    EXPIRED: { description: 'Its time is over.' },
    REVOKED: { description: 'It was ended, or replaced, before its time.' },
  } as const,
});

export const ApiToken = builder.prismaNode('ApiToken', {
  description: 'What a program shows to use the graph. Its secret is told once, when it is made.',
  select: { id: true, tenantId: true },
  authScopes: readers,
  nullable: true,
  id: { field: 'id', description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => ({ id: isUuid(id) ? id : nobody, ...ofTenant(viewer) }),
  fields: (t) => ({
    tokenId: t.exposeString('id', { description: 'Its natural id, a UUID.' }),
    name: t.exposeString('name', {
      description: 'Its name: audit entries and events have it as `token:<name>`.',
    }),
    scopes: t.stringList({
      description: 'What it allows, such as `enrollments:read`.',
      select: { scopes: true },
      resolve: ({ scopes }) => [...scopesIn(scopes)],
    }),
    tenant: t.prismaField({
      type: Tenant,
      nullable: true,
      description:
        'The tenant that it belongs to; null when it belongs to all, and for a token without ' +
        'tenants:read.',
      resolve: (query, { tenantId }, _args, context) => linkTenant(context, tenantId, query),
    }),
    allTenants: t.boolean({
      description: 'Whether it opens the data of all tenants.',
      resolve: ({ tenantId }) => tenantId === null,
    }),
    state: t.field({
      type: State,
      description: 'Whether it is good.',
      select: { revokedAt: true, expiresAt: true },
      resolve: ({ revokedAt, expiresAt }, _args, { now }) => {
        if (revokedAt !== null) return 'REVOKED';
        return expiresAt !== null && expiresAt <= now() ? 'EXPIRED' : 'GOOD';
      },
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    createdBy: t.exposeString('createdBy', {
      description: 'Who made it, such as `token:<name>`; `system`: not over the graph.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null: it does not end by itself.',
    }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was ended before its time.',
    }),
    revokedBy: t.exposeString('revokedBy', { nullable: true, description: 'Who ended it.' }),
    replaces: t.exposeString('replaces', {
      nullable: true,
      description: 'Natural id of the token that it took the place of, by `rotateApiToken`.',
    }),
  }),
});

/** Takes a token's global id or its natural one; null when it is neither. */
export function apiTokenIdOf(id: string): string | null {
  const [, natural = id] = /^ApiToken:(.+)$/.exec(Buffer.from(id, 'base64').toString('utf8')) ?? [];
  return isUuid(natural) ? natural : null;
}

/** A token for a field that names one; null for a viewer without tokens:read. */
export async function linkApiToken(
  { prisma, viewer }: GraphContext,
  tokenId: string | null,
  query: object,
) {
  if (tokenId === null || !viewer.scopes.has('tokens:read')) return null;
  return prisma.apiToken.findFirst({ ...query, where: { id: tokenId, ...ofTenant(viewer) } });
}

const tokenPage = keyList('apiTokens', 'desc', (row: { key: bigint }) => row.key);

builder.queryFields((t) => ({
  apiToken: t.prismaField({
    type: ApiToken,
    nullable: true,
    description:
      'An API token by its global or natural id; null when there is none for this token.',
    authScopes: readers,
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (query, _root, { id }, context) => linkApiToken(context, apiTokenIdOf(id), query),
  }),
  apiTokens: t.connection({
    type: ApiToken,
    description: 'API tokens, the newest first. Tokens of all tenants are shown only to such.',
    authScopes: readers,
    resolve: (_root, args, context, info) => {
      const { prisma, viewer } = context;
      const query: { select?: Prisma.ApiTokenSelect } = nodesQuery(context, info, 'key');
      return tokenPage(args, ({ key, order, take }) =>
        prisma.apiToken.findMany({
          ...query,
          where: { ...ofTenant(viewer), key },
          orderBy: { key: order },
          take,
        }),
      );
    },
  }),
}));
