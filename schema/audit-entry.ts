import type { Prisma } from '../generated/prisma/client.ts';
import { builder } from './builder.ts';
import { keyList } from './key-page.ts';
import { nodesQuery, ofTenant } from './load.ts';
import { parseKey } from './page.ts';
import { linkTenant, Tenant } from './tenant.ts';

const readers = { scope: 'audit:read' } as const;

export const AuditEntry = builder.prismaNode('AuditEntry', {
  description:
    'That somebody did something: each mutation that changed something, and each look at a secret.',
  select: { key: true },
  authScopes: readers,
  nullable: true,
  id: { field: 'key', description: 'Opaque global id.' },
  findUnique: (key, { viewer }) => ({ key: parseKey(key) ?? -1n, ...ofTenant(viewer) }),
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When it was done.' }),
    actor: t.exposeString('actor', {
      description: 'Who did it: `token:<name>`, `oidc:<subject>` or `system`.',
    }),
    action: t.exposeString('action', {
      description: 'What was done: the name of the mutation, or `readSecret`.',
    }),
    traceId: t.exposeString('traceId', {
      nullable: true,
      description: 'The trace id of the request, as logs and events have it.',
    }),
    details: t.expose('details', {
      type: 'PlistJSON',
      description: 'What it was about: ids, counts, types. Never a secret.',
    }),
    tenant: t.prismaField({
      type: Tenant,
      nullable: true,
      description: 'The tenant of who did it; null: of none, or without tenants:read.',
      select: { tenantId: true },
      resolve: (query, { tenantId }, _args, context) => linkTenant(context, tenantId, query),
    }),
  }),
});

const FilterInput = builder.inputType('AuditEntryFilterInput', {
  description: 'Which entries: every member that is given must hold; an absent one means any.',
  fields: (t) => ({
    actors: t.stringList({ description: 'By one of these, such as `token:<name>`.' }),
    actions: t.stringList({ description: 'One of these: names of mutations, or `readSecret`.' }),
    from: t.field({ type: 'DateTime', description: 'Done at this time or later.' }),
    until: t.field({ type: 'DateTime', description: 'Done before this time.' }),
  }),
});

const auditPage = keyList('auditEntries', 'desc', (row: { key: bigint }) => row.key);

builder.queryField('auditEntries', (t) =>
  t.connection({
    type: AuditEntry,
    description: 'Who did what, the newest first. A tenant sees what its own tokens did.',
    authScopes: readers,
    args: {
      filter: t.arg({ type: FilterInput, description: 'Only these entries; absent: all.' }),
    },
    resolve: (_root, { filter, ...args }, context, info) => {
      const { prisma, viewer } = context;
      const { actors, actions, from, until } = filter ?? {};
      const query: { select?: Prisma.AuditEntrySelect } = nodesQuery(context, info, 'key');
      return auditPage(args, ({ key, order, take }) =>
        prisma.auditEntry.findMany({
          ...query,
          where: {
            ...ofTenant(viewer),
            key,
            ...(actors && { actor: { in: actors.map(storable) } }),
            ...(actions && { action: { in: actions.map(storable) } }),
            ...((from || until) && {
              at: { ...(from && { gte: from }), ...(until && { lt: until }) },
            }),
          },
          orderBy: { key: order },
          take,
        }),
      );
    },
  }),
);

/** PostgreSQL knows no NUL in a text, so nothing has one. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
