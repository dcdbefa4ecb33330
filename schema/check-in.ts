import type { CheckInPosition, CheckInRow } from '../server/store/read/check-ins.ts';
import type { Page, Stretch } from '../server/store/read/keyset.ts';
import { emptyPage } from '../server/store/read/keyset.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { Enrollment } from './enrollment.ts';
import { isUuid } from './job.ts';
import { linkEnrollment } from './load.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';
import { shownCheckIn, shownDecodedCheckIn } from './raw-check-in.ts';

interface UrlParameter {
  readonly name: string;
  readonly value: string;
}

const UrlParameterType = builder.objectRef<UrlParameter>('UrlParameter').implement({
  description: 'A query parameter of the address that a device used.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    value: t.exposeString('value', { description: 'Its first value.' }),
  }),
});

const checkInRef = builder.objectRef<CheckInRow>('CheckIn');

export const CheckIn = builder.node(checkInRef, {
  description: 'A check-in message as a device sent it, such as Authenticate or TokenUpdate.',
  authScopes: { scope: 'enrollments:read' },
  id: { description: 'Opaque global id.', resolve: ({ id }) => id },
  loadOne: async (id, { lists, viewer }) => {
    if (!isUuid(id)) return null;
    const found = await lists.checkInsById(viewer, [id]);
    return found.get(id.toLowerCase()) ?? null;
  },
  fields: (t) => ({
    messageType: t.exposeString('messageType', {
      description: "Apple's name of the message, such as `TokenUpdate`.",
    }),
    receivedAt: t.expose('receivedAt', { type: 'DateTime', description: 'When it came.' }),
    traceId: t.exposeString('traceId', {
      description: 'The trace id of its request, as logs have it.',
    }),
    urlParams: t.field({
      type: [UrlParameterType],
      description: 'The query parameters of the address that it was sent to.',
      resolve: ({ urlParams }) =>
        Object.entries(urlParams ?? {}).map(([name, value]) => ({ name, value })),
    }),
    raw: t.field({
      type: 'Base64',
      nullable: true,
      description:
        'The message as it was sent. Where its type can carry secrets and the token lacks ' +
        '`secrets:read`, a copy with `<redacted>` in their place.',
      resolve: (row, _args, context) => shownCheckIn(context, row),
    }),
    decoded: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: 'The message decoded; secrets as in `raw`.',
      resolve: (row, _args, context) => shownDecodedCheckIn(context, row),
    }),
    enrollmentId: t.exposeString('enrollmentId', {
      description: 'Natural id of the enrolment that it is kept with.',
    }),
    enrollment: t.prismaField({
      type: Enrollment,
      nullable: true,
      description: 'The enrolment that it is kept with.',
      resolve: (query, { enrollmentKey }, _args, context) =>
        linkEnrollment(context, enrollmentKey, query),
    }),
  }),
});

const checkInCursor = cursorCodec<CheckInPosition>(
  'check-ins',
  ({ receivedMicros, id }) => [String(receivedMicros), id],
  ([micros, id]) => {
    const receivedMicros = parseKey(micros);
    return receivedMicros === null || id === undefined || !isUuid(id)
      ? null
      : { receivedMicros, id };
  },
);

const ofEnrollments = batched<bigint, Page<CheckInRow>, Stretch<CheckInPosition>>(
  ({ lists, viewer }, keys, stretch) => lists.checkInPages(viewer, keys, stretch),
);

builder.prismaInterfaceField(Enrollment, 'checkIns', (t) =>
  t.connection(
    {
      type: CheckIn,
      description:
        'The check-in messages that it sent, in the order in which they came: `last: 20` are the ' +
        'newest.',
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, checkInCursor);
        const page = await ofEnrollments(context, JSON.stringify(args), key, stretch);
        return connectionOf(page ?? emptyPage, stretch, (node) => ({
          cursor: checkInCursor.encode(node),
          node,
        }));
      },
    },
    { name: 'CheckInConnection', description: 'A page of check-ins.' },
    { name: 'CheckInEdge', description: 'A check-in in a list, with its position.' },
  ),
);
