import { queryFromInfo } from '@pothos/plugin-prisma';
import { pageOf } from '../server/store/read/keyset.ts';
import { builder } from './builder.ts';
import { ofTenant } from './load.ts';
import { connectionOf, cursorCodec, stretchOf } from './page.ts';
import { PushCertificate, storable } from './push-certificate.ts';

const topicCursor = cursorCodec<string>(
  'push-certificates',
  (topic) => [topic],
  ([topic]) => topic ?? null,
);

builder.queryField('pushCertificates', (t) =>
  t.connection(
    {
      type: PushCertificate,
      description: 'The push certificates, by topic.',
      authScopes: { scope: 'push:read' },
      resolve: async (_root, args, context, info) => {
        const { prisma, viewer } = context;
        const stretch = stretchOf(args, topicCursor);
        const { after, before, fromEnd, limit } = stretch;
        const { select } = queryFromInfo({ context, info, path: ['edges', 'node'] });
        const rows = await prisma.pushCertificate.findMany({
          select: { ...select, topic: true },
          where: {
            ...ofTenant(viewer),
            topic: { ...(after !== null && { gt: after }), ...(before !== null && { lt: before }) },
          },
          orderBy: { topic: fromEnd ? 'desc' : 'asc' },
          take: limit + 1,
        });
        return connectionOf(pageOf(rows, stretch), stretch, (node) => ({
          cursor: topicCursor.encode(node.topic),
          node,
        }));
      },
    },
    { name: 'PushCertificateConnection', description: 'A page of push certificates.' },
    {
      name: 'PushCertificateEdge',
      description: 'A push certificate in a list, with its position.',
    },
  ),
);

builder.queryField('pushCertificate', (t) =>
  t.prismaField({
    type: PushCertificate,
    nullable: true,
    description: 'The push certificate of a topic; null when there is none.',
    authScopes: { scope: 'push:read' },
    args: { topic: t.arg.string({ required: true, description: 'The topic.' }) },
    resolve: (query, _root, { topic }, { prisma, viewer }) =>
      prisma.pushCertificate.findFirst({
        ...query,
        where: { topic: storable(topic), ...ofTenant(viewer) },
      }),
  }),
);
