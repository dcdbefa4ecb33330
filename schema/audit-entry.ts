import type { Prisma } from '../generated/prisma/client.ts';
import { builder } from './builder.ts';

import { nodesQuery, ofTenant } from './load.ts';
import { connectionOf, parseKey, stretchOf } from './page.ts';
import { linkTenant, Tenant } from './tenant.ts';
import { timedCursor } from './timed-cursor.ts';

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

const auditCursor = timedCursor('auditEntries');

builder.queryField('auditEntries', (t) =>
  t.connection({
    type: AuditEntry,
    description: 'Who did what, the newest first. A tenant sees what its own tokens did.',
    authScopes: readers,
    args: {
      filter: t.arg({ type: FilterInput, description: 'Only these entries; absent: all.' }),
    },
    resolve: async (_root, { filter, ...args }, context, info) => {
      const { lists, prisma, viewer } = context;
      const { actors, actions, from, until } = filter ?? {};
      const stretch = stretchOf(args, auditCursor);
      const page = await lists.auditPage(
        viewer,
        {
          ...(actors && { actors: actors.map(storable) }),
          ...(actions && { actions: actions.map(storable) }),
          ...(from && { from }),
          ...(until && { until }),
        },
        stretch,
      );
      const query: { select?: Prisma.AuditEntrySelect } = nodesQuery(context, info, 'key');
      const where = { key: { in: page.rows.map(({ key }) => key) }, ...ofTenant(viewer) };
      const found = await prisma.auditEntry.findMany({ ...query, where });
      const byKey = new Map(found.map((entry) => [entry.key, entry]));
      const rows = page.rows.flatMap((at) => {
        const node = byKey.get(at.key);
        return node ? [{ at, node }] : [];
      });
      return connectionOf({ rows, more: page.more }, stretch, ({ at, node }) => ({
        cursor: auditCursor.encode(at),
        node,
      }));
    },
  }),
);

/** PostgreSQL knows no NUL in a text, so nothing has one. */
function storable(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
