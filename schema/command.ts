import { ValidationError } from '../server/model/errors.ts';
import type { Viewer } from '../server/model/viewer.ts';
import { builder } from './builder.ts';
import { linkCommand, ofTenant } from './load.ts';
import { shownBody } from './raw.ts';

/** Command UUIDs are unique within a tenant, so the global id names both. */
function globalId({
  tenantId,
  uuid,
}: {
  readonly tenantId: number;
  readonly uuid: string;
}): string {
  return `${tenantId}/${uuid}`;
}

function whereGlobalId(id: string, viewer: Viewer) {
  const [, tenant, uuid] = /^(\d{1,9})\/([^\0]+)$/s.exec(id) ?? [];
  return {
    uuid_tenantId: { tenantId: Number(tenant ?? 0), uuid: uuid ?? '' },
    ...ofTenant(viewer),
  };
}

export const Command = builder.prismaNode('Command', {
  name: 'Command',
  description: 'A command: one property list, sent to one enrolment or to many.',
  select: { key: true, uuid: true, tenantId: true },
  authScopes: { scope: 'commands:read' },
  nullable: true,
  id: { resolve: globalId, description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => whereGlobalId(id, viewer),
  fields: (t) => ({
    uuid: t.exposeString('uuid', { description: 'Its CommandUUID.' }),
    requestType: t.exposeString('requestType', {
      description: "Apple's name of it, such as `DeviceInformation`.",
    }),
    raw: t.field({
      type: 'Base64',
      description:
        'The property list as it is delivered. Where its type can carry secrets and the token ' +
        'lacks `secrets:read`, a copy with `<redacted>` in their place.',
      select: { body: true, bodySealed: true, requestType: true },
      resolve: (command, _args, context) => shownBody(context, command),
    }),
    priority: t.exposeInt('priority', { description: 'Higher goes first; 0 is ordinary.' }),
    notBefore: t.expose('notBefore', {
      type: 'DateTime',
      nullable: true,
      description: 'Not delivered before this time.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Not delivered after this time.',
    }),
    refusedCount: t.exposeInt('refusedCount', {
      description: 'How many of its targets it was not queued for: `targets(states: [REFUSED])`.',
    }),
    targetCount: t.exposeInt('targetCount', {
      description: 'For how many enrolments it was queued.',
    }),
    retryOf: t.prismaField({
      type: 'Command',
      nullable: true,
      description: 'The command whose failed targets this one was made for.',
      select: { retryOf: true },
      resolve: (query, { retryOf }, _args, context) => linkCommand(context, retryOf, query),
    }),
    createdBy: t.exposeString('createdBy', {
      description: 'Who made it, such as `token:<name>`.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was queued.' }),
  }),
});

builder.queryField('command', (t) =>
  t.prismaField({
    type: Command,
    nullable: true,
    description: 'A command by its CommandUUID; null when there is none for this token.',
    authScopes: { scope: 'commands:read' },
    args: { uuid: t.arg.string({ required: true, description: 'The CommandUUID.' }) },
    resolve: (query, _root, { uuid }, { prisma, viewer }) => {
      if (uuid.includes('\0')) {
        throw new ValidationError('NOT_A_TEXT', 'A CommandUUID holds no NUL.', ['uuid']);
      }
      return prisma.command.findFirst({
        ...query,
        where: { uuid, ...ofTenant(viewer) },
        orderBy: { key: 'asc' },
      });
    },
  }),
);
