import type { Viewer as ViewerModel } from '../server/model/viewer.ts';
import { ApiToken, linkApiToken } from './api-token.ts';
import { builder } from './builder.ts';
import { linkTenant, Tenant } from './tenant.ts';

const Viewer = builder.objectRef<ViewerModel>('Viewer').implement({
  description: 'Who asks, and what he may do.',
  fields: (t) => ({
    actor: t.exposeString('actor', {
      description: 'As audit entries and events name him: `token:<name>` or `oidc:<subject>`.',
    }),
    scopes: t.stringList({
      description: 'What he may do, such as `enrollments:read`.',
      resolve: ({ scopes }) => [...scopes],
    }),
    allTenants: t.boolean({
      description: 'Whether he sees the data of all tenants.',
      resolve: ({ tenant }) => tenant === null,
    }),
    tenantId: t.string({
      nullable: true,
      description: 'Natural id of the tenant whose data he sees; null: of all.',
      resolve: ({ tenant }) => (tenant === null ? null : String(tenant)),
    }),
    tenant: t.prismaField({
      type: Tenant,
      nullable: true,
      description: 'The tenant whose data he sees; null: of all, or without tenants:read.',
      resolve: (query, { tenant }, _args, context) => linkTenant(context, tenant, query),
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When his right ends; null: it does not end by itself.',
      resolve: ({ expiresAt }) => expiresAt ?? null,
    }),
    apiToken: t.prismaField({
      type: ApiToken,
      nullable: true,
      description:
        'The API token that he shows; null for another identity, or without tokens:read.',
      resolve: (query, { tokenId }, _args, context) => linkApiToken(context, tokenId, query),
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'Who asks: what the server takes you for.',
    authScopes: { anyToken: true },
    resolve: (_root, _args, { viewer }) => viewer,
  }),
);
