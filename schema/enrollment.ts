import type { Enrollment as EnrollmentRow } from '../generated/prisma/client.ts';
import type { Page, Stretch } from '../server/store/read/keyset.ts';
import { emptyPage } from '../server/store/read/keyset.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { EnrollmentKindEnum, enrollmentKindOf } from './enrollment-kind.ts';
import {
  type EnrollmentQuery,
  findEnrollments,
  linkEnrollment,
  nodesQuery,
  ofTenant,
} from './load.ts';
import { connectionOf, cursorCodec, stretchOf } from './page.ts';
import { auditRead } from './secret-read.ts';

/** What each enrolment is loaded with, whatever was selected. */
const always = { key: true, id: true, tenantId: true, deviceKey: true } as const;

const readers = { scope: 'enrollments:read' } as const;

/** Cursors of lists of enrolments: all are ordered by the enrolment's id. */
export const enrollmentCursor = cursorCodec<string>(
  'enrollments',
  (id) => [id],
  ([id]) => id ?? null,
);

const deviceFacts = {
  serialNumber: true,
  deviceName: true,
  model: true,
  modelName: true,
  productName: true,
  osVersion: true,
} as const;

type DeviceFact = keyof typeof deviceFacts;

/** What a user channel shows of its device, which alone was told it. */
function deviceFact(name: DeviceFact) {
  return {
    nullable: true,
    select: { [name]: true } as Record<DeviceFact, true>,
    async resolve(
      row: Pick<EnrollmentRow, DeviceFact | 'deviceKey'>,
      _args: object,
      context: GraphContext,
    ): Promise<string | null> {
      if (row.deviceKey === null) return row[name];
      const device = await linkEnrollment(context, row.deviceKey, {
        select: { key: true, ...deviceFacts },
      });
      return device?.[name] ?? null;
    },
  } as const;
}

export const Enrollment = builder.prismaInterface('Enrollment', {
  name: 'Enrollment',
  description:
    'A channel through which a device is managed: the device itself, or one of its users. Told ' +
    'apart by `__typename`.',
  interfaces: [builder.nodeInterfaceRef()],
  select: always,
  authScopes: readers,
  resolveType: ({ deviceKey }) => (deviceKey === null ? 'DeviceEnrollment' : 'UserChannel'),
  fields: (t) => ({
    enrollmentId: t.exposeString('id', {
      description: 'Its natural id: `UDID`, `UDID:UserID`, `EnrollmentID`, …',
    }),
    kind: t.field({
      type: EnrollmentKindEnum,
      description: 'Which kind of channel it is.',
      select: { kind: true },
      resolve: ({ kind }) => enrollmentKindOf(kind),
    }),
    serialNumber: t.string({
      ...deviceFact('serialNumber'),
      description: "The device's serial number.",
    }),
    deviceName: t.string({
      ...deviceFact('deviceName'),
      description: 'The name that the device told when it enrolled.',
    }),
    model: t.string({
      ...deviceFact('model'),
      description: "The device's model, such as `MacBookPro`.",
    }),
    modelName: t.string({
      ...deviceFact('modelName'),
      description: "The device's model as people know it, such as `MacBook Pro`.",
    }),
    productName: t.string({
      ...deviceFact('productName'),
      description: "The device's product name, such as `MacBookPro18,3`.",
    }),
    osVersion: t.string({
      ...deviceFact('osVersion'),
      description: "Version of the device's operating system, as told when it enrolled.",
    }),
    topic: t.exposeString('topic', { nullable: true, description: 'The topic it is pushed on.' }),
    enabled: t.exposeBoolean('enabled', {
      description: 'Whether commands are delivered to it now.',
    }),
    disabledReason: t.exposeString('disabledReason', {
      nullable: true,
      description: 'Why it is not enabled, such as `CHECKED_OUT`; null when it is.',
    }),
    awaitingConfiguration: t.exposeBoolean('awaitingConfiguration', {
      nullable: true,
      description: 'Whether it waits in Setup Assistant until it is told to go on.',
    }),
    tokenUpdateTally: t.exposeInt('tokenUpdateTally', {
      description: 'How many TokenUpdate messages it has sent since it enrolled.',
    }),
    firstSeenAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was first heard of.',
    }),
    lastSeenAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last heard; written with a little delay.',
      select: { seen: { select: { lastSeenAt: true } } },
      resolve: ({ seen }) => seen?.lastSeenAt ?? null,
    }),
    enrolledAt: t.expose('enrolledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last enabled by a TokenUpdate.',
    }),
    tokenUpdatedAt: t.expose('tokenUpdatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last sent a TokenUpdate.',
    }),
    checkedOutAt: t.expose('checkedOutAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last said that it is no longer managed.',
    }),
  }),
});

export const DeviceEnrollment = builder.prismaNode('Enrollment', {
  variant: 'DeviceEnrollment',
  description: "A device's own channel.",
  interfaces: [Enrollment],
  select: always,
  authScopes: readers,
  nullable: true,
  id: { field: 'id', description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => ({ id: storable(id), deviceKey: null, ...ofTenant(viewer) }),
  fields: (t) => ({
    udid: t.string({
      nullable: true,
      description: "The device's UDID; null where a user enrolment hides it.",
      select: { kind: true },
      resolve: ({ id, kind }) => (kind === 'DEVICE' ? id : null),
    }),
    buildVersion: t.exposeString('buildVersion', {
      nullable: true,
      description: 'Build of the operating system, as told when it enrolled.',
    }),
    imei: t.exposeString('imei', { nullable: true, description: 'IMEI of its modem.' }),
    meid: t.exposeString('meid', { nullable: true, description: 'MEID of its modem.' }),
    authenticatedAt: t.expose('authenticatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last began to enrol (Authenticate).',
    }),
    hasUnlockToken: t.boolean({
      description: 'Whether it has left a token that clears its passcode.',
      select: { unlockToken: true },
      resolve: ({ unlockToken }) => unlockToken !== null,
    }),
    hasBootstrapToken: t.boolean({
      description: 'Whether it has left a bootstrap token.',
      select: { bootstrapToken: true },
      resolve: ({ bootstrapToken }) => bootstrapToken !== null,
    }),
    unlockToken: t.field({
      type: 'Base64',
      nullable: true,
      description:
        'The token that clears its passcode; null when it has left none. Needs `secrets:read`, and ' +
        'each look is audited.',
      authScopes: { scope: 'secrets:read' },
      select: { unlockToken: true },
      resolve: async ({ id: enrollmentId, unlockToken: bytes }, _args, context) => {
        if (bytes === null) return null;
        const token = context.open.enrollmentToken({ bytes, column: 'unlock_token', enrollmentId });
        await auditRead(context, { what: 'unlockToken', enrollmentId });
        return token;
      },
    }),
    bootstrapToken: t.field({
      type: 'Base64',
      nullable: true,
      description:
        'Its bootstrap token; null when it has left none. Needs `secrets:read`, and each look is ' +
        'audited.',
      authScopes: { scope: 'secrets:read' },
      select: { bootstrapToken: true },
      resolve: async ({ id: enrollmentId, bootstrapToken: bytes }, _args, context) => {
        if (bytes === null) return null;
        const column = 'bootstrap_token';
        const token = context.open.enrollmentToken({ bytes, column, enrollmentId });
        await auditRead(context, { what: 'bootstrapToken', enrollmentId });
        return token;
      },
    }),
  }),
});

export const UserChannel = builder.prismaNode('Enrollment', {
  variant: 'UserChannel',
  description: "The channel of a device's user.",
  interfaces: [Enrollment],
  select: always,
  authScopes: readers,
  nullable: true,
  id: { field: 'id', description: 'Opaque global id.' },
  findUnique: (id, { viewer }) => ({
    id: storable(id),
    deviceKey: { not: null },
    ...ofTenant(viewer),
  }),
  fields: (t) => ({
    userId: t.exposeString('userId', { nullable: true, description: "The user's id." }),
    userShortName: t.exposeString('userShortName', {
      nullable: true,
      description: "The user's short name.",
    }),
    userLongName: t.exposeString('userLongName', {
      nullable: true,
      description: "The user's full name.",
    }),
    device: t.prismaField({
      type: DeviceEnrollment,
      nullable: true,
      description: 'The device that the user is on.',
      resolve: (query, { deviceKey }, _args, context) => linkEnrollment(context, deviceKey, query),
    }),
  }),
});

interface UserChannelsOfLevel {
  readonly stretch: Stretch<string>;
  readonly query: EnrollmentQuery;
}

const userChannelsOfLevel = batched<bigint, Page<EnrollmentRow>, UserChannelsOfLevel>(
  async (context, deviceKeys, { stretch, query }) => {
    const pages = await context.lists.userChannelPages(context.viewer, deviceKeys, stretch);
    const keys = [...pages.values()].flatMap(({ rows }) => rows.map(({ key }) => key));
    const found = await findEnrollments(context, keys, query);
    return new Map(
      [...pages].map(([deviceKey, { rows, more }]) => [
        deviceKey,
        { rows: rows.flatMap(({ key }) => found.get(key) ?? []), more },
      ]),
    );
  },
);

builder.prismaObjectField(DeviceEnrollment, 'userChannels', (t) =>
  t.connection(
    {
      type: UserChannel,
      description: "The channels of the device's users, by enrolment id.",
      resolve: async ({ key }, args, context, info) => {
        const stretch = stretchOf(args, enrollmentCursor);
        const query = nodesQuery(context, info);
        const group = JSON.stringify([args, query]);
        const page = await userChannelsOfLevel(context, group, key, { stretch, query });
        return connectionOf(page ?? emptyPage, stretch, (node) => ({
          cursor: enrollmentCursor.encode(node.id),
          node,
        }));
      },
    },
    { name: 'UserChannelConnection', description: 'A page of user channels.' },
    { name: 'UserChannelEdge', description: 'A user channel in a list, with its position.' },
  ),
);

/** PostgreSQL knows no NUL in a text, so nothing is named with one. */
function storable(id: string): string {
  return id.includes('\0') ? '' : id;
}
