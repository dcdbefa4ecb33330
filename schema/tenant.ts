import type { Prisma, Tenant as TenantRow } from '../generated/prisma/client.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { type KeyRange, keyList } from './key-page.ts';
import { nodesQuery } from './load.ts';

const readers = { scope: 'tenants:read' } as const;

export const Tenant = builder.prismaNode('Tenant', {
  description:
    'Whom things belong to: enrolments, commands, events, jobs, invitations, push certificates, tokens ' +
    'and audit entries have one. A token of one tenant sees nothing of the others.',
  select: { id: true },
  authScopes: readers,
  nullable: true,
  id: { field: 'id', description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => ({ id: seen(viewer, tenantIdOf(id)) }),
  fields: (t) => ({
    tenantId: t.string({
      description: 'Its natural id, a number.',
      resolve: ({ id }) => String(id),
    }),
    name: t.exposeString('name', { description: 'Its name.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
});

/** A number that no tenant has. */
const none = -1;

/** Takes a tenant's global id or its natural one; null when it is neither. */
export function tenantIdOf(id: string): number | null {
  const [, natural = id] = /^Tenant:(.+)$/.exec(Buffer.from(id, 'base64').toString('utf8')) ?? [];
  return /^\d{1,9}$/.test(natural) ? Number(natural) : null;
}

function seen(viewer: GraphContext['viewer'], tenant: number | null): number {
  if (tenant === null) return none;
  return viewer.tenant === null || viewer.tenant === tenant ? tenant : none;
}

const tenantOfLevel = batched<number, TenantRow, object>(
  async ({ prisma }: GraphContext, ids, query) => {
    const rows = await prisma.tenant.findMany({ ...query, where: { id: { in: [...ids] } } });
    return new Map(rows.map((row) => [row.id, row]));
  },
);

/** A tenant for a field that names one; null for a token without tenants:read. */
export async function linkTenant(
  context: GraphContext,
  tenant: number | null,
  query: object,
): Promise<TenantRow | null> {
  const { viewer } = context;
  if (tenant === null || !viewer.scopes.has('tenants:read')) return null;
  const group = JSON.stringify(query);
  return (await tenantOfLevel(context, group, seen(viewer, tenant), query)) ?? null;
}

const tenantPage = keyList('tenants', 'asc', (row: { id: number }) => BigInt(row.id));

/** Ids of tenants are small numbers; a cursor that somebody made up may hold a larger one. */
function numbers({ gt, lt }: KeyRange['key']): Prisma.TenantWhereInput {
  const small = (key: bigint) =>
    Number(BigInt.asIntN(32, key) === key ? key : key < 0n ? -1 : 2 ** 31 - 1);
  return {
    id: { ...(gt !== undefined && { gt: small(gt) }), ...(lt !== undefined && { lt: small(lt) }) },
  };
}

builder.queryField('tenants', (t) =>
  t.connection({
    type: Tenant,
    description: 'The tenants; for a token of one tenant only its own.',
    authScopes: readers,
    resolve: (_root, args, context, info) => {
      const { prisma, viewer } = context;
      const query: { select?: Prisma.TenantSelect } = nodesQuery(context, info, 'id');
      return tenantPage(args, ({ key, order, take }) =>
        prisma.tenant.findMany({
          ...query,
          where: { AND: [numbers(key), viewer.tenant === null ? {} : { id: viewer.tenant }] },
          orderBy: { id: order },
          take,
        }),
      );
    },
  }),
);
