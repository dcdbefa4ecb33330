import type { Prisma, PushCertificate as PushCertificateRow } from '../generated/prisma/client.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import type { GraphContext } from './context.ts';
import { ofTenant } from './load.ts';

/** What a selection below a push certificate needs, as the Prisma plugin plans it. */
export interface PushCertificateQuery {
  select?: Prisma.PushCertificateSelect;
}

const day = 86_400_000;

const devicesOfLevel = batched<string, number, null>((context, topics) =>
  context.lists.devicesOnTopics(context.viewer, topics),
);

export const PushCertificate = builder.prismaNode('PushCertificate', {
  description: 'The certificate that devices of one topic are pushed with. Its key is never shown.',
  // The key, sealed, is never read for the graph.
  select: { topic: true },
  authScopes: { scope: 'push:read' },
  nullable: true,
  id: { field: 'topic', description: 'Opaque global id.' },
  findUnique: (topic, { viewer }) => ({ topic: storable(topic), ...ofTenant(viewer) }),
  fields: (t) => ({
    topic: t.exposeString('topic', {
      description: 'The topic, which Apple gave it and which enrolment profiles name.',
    }),
    subject: t.exposeString('subject', { description: 'Its subject, as RFC 4514 writes it.' }),
    issuer: t.exposeString('issuer', { description: 'Its issuer, as RFC 4514 writes it.' }),
    serialNumber: t.exposeString('serial', { description: 'Its serial number, hexadecimal.' }),
    sha256: t.string({
      description: 'SHA-256 of the certificate, hexadecimal.',
      select: { sha256: true },
      resolve: ({ sha256 }) => Buffer.from(sha256).toString('hex'),
    }),
    notBefore: t.expose('notBefore', { type: 'DateTime', description: 'When it began.' }),
    expiresAt: t.expose('notAfter', { type: 'DateTime', description: 'When it ends.' }),
    expiresInDays: t.int({
      description: 'Whole days until it ends; negative when it has ended.',
      select: { notAfter: true },
      resolve: ({ notAfter }, _args, { now }) =>
        Math.floor((notAfter.getTime() - now().getTime()) / day),
    }),
    version: t.exposeInt('version', {
      description: 'Grows by one with every upload for the topic.',
    }),
    uploadedAt: t.expose('uploadedAt', { type: 'DateTime', description: 'When it was uploaded.' }),
    uploadedBy: t.exposeString('uploadedBy', {
      description: 'Who uploaded it, such as `token:<name>`.',
    }),
    stoppedAt: t.expose('stoppedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'Since when nothing is pushed with it because Apple refuses it; null: it is used.',
    }),
    stoppedReason: t.exposeString('stoppedReason', {
      nullable: true,
      description: 'Why Apple refuses it.',
    }),
    enrollmentCount: t.int({
      description:
        'How many enabled devices are pushed on its topic: exact below 10,000, which means as many ' +
        'or more.',
      resolve: async ({ topic }, _args, context) =>
        (await devicesOfLevel(context, '', topic, null)) ?? 0,
    }),
  }),
});

/** Push certificates by their topics, as far as the viewer may see them. */
async function findPushCertificates(
  { prisma, viewer }: GraphContext,
  topics: readonly string[],
  query: PushCertificateQuery,
): Promise<ReadonlyMap<string, PushCertificateRow>> {
  const rows = await prisma.pushCertificate.findMany({
    ...query,
    where: { topic: { in: topics.map(storable) }, ...ofTenant(viewer) },
  });
  return new Map(rows.map((row) => [row.topic, row]));
}

const certificateOfLevel = batched(findPushCertificates);

/** One push certificate, read together with those beside; null for a token without push:read. */
export async function linkPushCertificate(
  context: GraphContext,
  topic: string | null,
  query: PushCertificateQuery,
): Promise<PushCertificateRow | null> {
  if (topic === null || !context.viewer.scopes.has('push:read')) return null;
  return (await certificateOfLevel(context, JSON.stringify(query), topic, query)) ?? null;
}

/** PostgreSQL knows no NUL in a text, so nothing is named with one. */
export function storable(topic: string): string {
  return topic.includes('\0') ? '' : topic;
}
