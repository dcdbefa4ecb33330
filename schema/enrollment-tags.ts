import type { TagPosition } from '../server/store/read/tags.ts';
import { tagKey } from '../server/store/read/tags.ts';
import { countLimit } from '../server/store/read/count.ts';
import { ValidationError } from '../server/model/errors.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import { Enrollment } from './enrollment.ts';
import { connectionOf, cursorCodec, stretchOf } from './page.ts';

const tagsOfLevel = batched<bigint, readonly string[], null>(({ lists }, keys) =>
  lists.tagsOf(keys),
);

builder.prismaInterfaceFields(Enrollment, (t) => ({
  tags: t.stringList({
    description: 'Its tags, in order.',
    resolve: async ({ key }, _args, context) => [
      ...((await tagsOfLevel(context, 'tags', key, null)) ?? []),
    ],
  }),
  notes: t.exposeString('notes', {
    nullable: true,
    description: 'What people have noted of it.',
  }),
}));

const countsOfLevel = batched<TagPosition, number, null>(async ({ lists }, tags) => {
  const counts = await lists.countTagged(tags);
  return new Map(tags.map((tag) => [tag, counts.get(tagKey(tag)) ?? 0]));
});

const Tag = builder.objectRef<TagPosition>('Tag').implement({
  description: 'A tag that enrolments have.',
  fields: (t) => ({
    name: t.exposeString('tag', { description: 'The tag itself.' }),
    enrollmentCount: t.int({
      description: `How many enrolments have it, counted to ${countLimit} at most.`,
      resolve: async (tag, _args, context) =>
        Math.min((await countsOfLevel(context, 'tagged', tag, null)) ?? 0, countLimit),
    }),
    hasMore: t.boolean({
      description: 'Whether more enrolments have it than were counted.',
      resolve: async (tag, _args, context) =>
        ((await countsOfLevel(context, 'tagged', tag, null)) ?? 0) > countLimit,
    }),
  }),
});

const tagCursor = cursorCodec<TagPosition>(
  'tags',
  ({ tenantId, tag }) => [String(tenantId), tag],
  ([tenantId, tag]) =>
    tenantId === undefined || tag === undefined || !/^\d{1,9}$/.test(tenantId)
      ? null
      : { tenantId: Number(tenantId), tag },
);

builder.queryField('tags', (t) =>
  t.connection(
    {
      type: Tag,
      description:
        'The tags in use, in order. A token for all tenants sees them tenant by tenant, a tag once for ' +
        'each.',
      authScopes: { scope: 'enrollments:read' },
      args: { prefix: t.arg.string({ description: 'Only those that begin so.' }) },
      resolve: async (_root, { prefix, ...args }, { lists, viewer }) => {
        if (prefix?.includes('\0')) {
          throw new ValidationError('NOT_A_TEXT', 'A text holds no NUL.', ['prefix']);
        }
        const stretch = stretchOf(args, tagCursor);
        const page = await lists.tagPage(viewer, prefix || null, stretch);
        return connectionOf(page, stretch, (node) => ({ cursor: tagCursor.encode(node), node }));
      },
    },
    { name: 'TagConnection', description: 'A page of tags.' },
    { name: 'TagEdge', description: 'A tag in a list, with its position.' },
  ),
);
