import type {
  DeviceCertificatePosition,
  DeviceCertificateRow,
} from '../server/store/read/device-certificates.ts';
import type { Page, Stretch } from '../server/store/read/keyset.ts';
import { emptyPage } from '../server/store/read/keyset.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { DeviceEnrollment, Enrollment } from './enrollment.ts';
import { connectionOf, cursorCodec, parseKey, stretchOf } from './page.ts';

const readers = { scope: 'enrollments:read' } as const;

const DeviceCertificateState = builder.enumType('DeviceCertificateState', {
  description: 'How a certificate stands with its device.',
  values: {
    CURRENT: { description: 'The device signs with it.' },
    PENDING: { description: 'The device may begin to sign with it, and has not yet.' },
    RETIRED: { description: 'The device signed with it, or could have; it counts no longer.' },
  } as const,
});

const bytesOfLevel = batched<string, Buffer, null>(({ lists, viewer }, hashes) =>
  lists.deviceCertificateBytes(viewer, hashes),
);

const DeviceCertificate = builder.objectRef<DeviceCertificateRow>('DeviceCertificate').implement({
  description:
    'A certificate that belongs to a device. Of one that came with a migration perhaps only its hash is known.',
  authScopes: readers,
  fields: (t) => ({
    sha256: t.exposeString('sha256', {
      description: 'SHA-256 of the certificate, hexadecimal.',
    }),
    state: t.expose('state', {
      type: DeviceCertificateState,
      description: 'How it stands with its device.',
    }),
    subject: t.exposeString('subject', {
      nullable: true,
      description: 'Its subject, as RFC 4514 writes it; may be empty.',
    }),
    issuer: t.exposeString('issuer', {
      nullable: true,
      description: 'The subject of who issued it.',
    }),
    serialNumber: t.exposeString('serial', {
      nullable: true,
      description: 'Its serial number, hexadecimal.',
    }),
    notBefore: t.expose('notBefore', {
      type: 'DateTime',
      nullable: true,
      description: 'When it began.',
    }),
    expiresAt: t.expose('notAfter', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends.',
    }),
    boundAt: t.expose('boundAt', {
      type: 'DateTime',
      description: 'When it came to belong to the device.',
    }),
    currentAt: t.expose('currentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the device began to sign with it.',
    }),
    retiredAt: t.expose('retiredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it counts no longer.',
    }),
    certificate: t.field({
      type: 'Base64',
      nullable: true,
      description: 'The certificate, DER.',
      resolve: async ({ sha256 }, _args, context) =>
        (await bytesOfLevel(context, '', sha256, null)) ?? null,
    }),
  }),
});

const currentOfLevel = batched<string, DeviceCertificateRow, null>(({ lists, viewer }, hashes) =>
  lists.deviceCertificatesByHash(viewer, hashes),
);

builder.prismaInterfaceField(Enrollment, 'certificate', (t) =>
  t.field({
    type: DeviceCertificate,
    nullable: true,
    description:
      "The certificate that it signs with; a user channel's is its device's. Null when it has none yet.",
    select: { certHash: true },
    resolve: async ({ certHash }, _args, context) => {
      if (certHash === null) return null;
      const hash = Buffer.from(certHash).toString('hex');
      return (await currentOfLevel(context, '', hash, null)) ?? null;
    },
  }),
);

const certificateCursor = cursorCodec<DeviceCertificatePosition>(
  'device-certificates',
  ({ boundMicros, sha256 }) => [String(boundMicros), sha256],
  ([micros, sha256]) => {
    const boundMicros = parseKey(micros);
    return boundMicros === null || sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)
      ? null
      : { boundMicros, sha256 };
  },
);

const pagesOfLevel = batched<
  bigint,
  Page<DeviceCertificateRow>,
  Stretch<DeviceCertificatePosition>
>(({ lists, viewer }, keys, stretch) => lists.deviceCertificatePages(viewer, keys, stretch));

builder.prismaObjectField(DeviceEnrollment, 'certificates', (t) =>
  t.connection(
    {
      type: DeviceCertificate,
      description:
        'The certificates that are or were its own, in the order in which they came to be: `last: 1` is the ' +
        'newest.',
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, certificateCursor);
        const page = await pagesOfLevel(context, JSON.stringify(args), key, stretch);
        return connectionOf(page ?? emptyPage, stretch, (node) => ({
          cursor: certificateCursor.encode(node),
          node,
        }));
      },
    },
    { name: 'DeviceCertificateConnection', description: 'A page of certificates.' },
    { name: 'DeviceCertificateEdge', description: 'A certificate in a list, with its position.' },
  ),
);
