import { ValidationError } from '../server/model/errors.ts';
import { builder } from './builder.ts';
import { counted, countFields } from './count.ts';
import { DeviceEnrollment, Enrollment } from './enrollment.ts';
import { EnrollmentFilterInput, listFilterOf } from './enrollment-filter.ts';
import { enrollmentIdOf } from './enrollment-id.ts';
import {
  EnrollmentOrderInput,
  enrollmentOrderCursor,
  enrollmentOrderOf,
} from './enrollment-order.ts';
import { findEnrollments, nodesQuery, ofTenant } from './load.ts';
import { connectionOf, stretchOf } from './page.ts';

const readers = { scope: 'enrollments:read' } as const;

builder.queryField('enrollments', (t) =>
  t.connection(
    {
      type: DeviceEnrollment,
      description:
        "Devices, by enrolment id unless said otherwise. Their users' channels are below each device.",
      authScopes: readers,
      args: {
        filter: t.arg({ type: EnrollmentFilterInput, description: 'Only these; absent: all.' }),
        orderBy: t.arg({ type: EnrollmentOrderInput, description: 'Absent: by enrolment id.' }),
      },
      resolve: async (_root, { filter: input, orderBy, ...args }, context, info) => {
        const { lists, viewer } = context;
        const filter = await listFilterOf(lists, input, ['filter']);
        const order = enrollmentOrderOf(orderBy);
        const cursor = enrollmentOrderCursor(order);
        const stretch = stretchOf(args, cursor);
        const page = await lists.enrollmentPage(viewer, filter, order, stretch);
        const keys = page.rows.map(({ key }) => key);
        const found = await findEnrollments(context, keys, nodesQuery(context, info));
        const rows = page.rows.flatMap(({ key, position }) => {
          const node = found.get(key);
          return node === undefined ? [] : [{ node, position }];
        });
        return {
          ...connectionOf({ rows, more: page.more }, stretch, ({ node, position }) => ({
            cursor: cursor.encode(position),
            node,
          })),
          ...counted(() => lists.countEnrollments(viewer, filter, 'DEVICE')),
        };
      },
    },
    {
      name: 'DeviceEnrollmentConnection',
      description: 'A page of devices.',
      fields: (field) =>
        countFields(field, 'How many the filter finds', 'what the database guesses'),
    },
    { name: 'DeviceEnrollmentEdge', description: 'A device in a list, with its position.' },
  ),
);

builder.queryField('enrollment', (t) =>
  t.prismaField({
    type: Enrollment,
    nullable: true,
    description: 'One enrolment by exactly one of its names; null when there is none.',
    authScopes: readers,
    args: {
      id: t.arg.id({ description: 'Its global id.' }),
      udid: t.arg.string({ description: "The device's UDID." }),
      enrollmentId: t.arg.string({ description: 'Its natural id, of any channel.' }),
      serialNumber: t.arg.string({
        description:
          "The device's serial number. Of several with it (another tenant's, one from before a repair) the " +
          'one that was made last.',
      }),
    },
    resolve: (query, _root, args, { prisma, viewer }) => {
      const names = Object.entries(args).filter(([, value]) => typeof value === 'string');
      const [[name, value] = ['', '']] = names;
      if (names.length !== 1 || typeof value !== 'string' || value.includes('\0')) {
        throw new ValidationError(
          'ONE_NAME',
          'Give exactly one of id, udid, enrollmentId and serialNumber.',
          [],
        );
      }
      const byName = {
        udid: { id: value, kind: 'DEVICE' },
        serialNumber: { serialNumber: value, deviceKey: null },
        id: { id: enrollmentIdOf(value) },
      };
      const where = Object.hasOwn(byName, name)
        ? byName[name as keyof typeof byName]
        : { id: value };
      return prisma.enrollment.findFirst({
        ...query,
        where: { ...where, ...ofTenant(viewer) },
        orderBy: { key: 'desc' },
      });
    },
  }),
);
