import { redact } from '../server/catalogue/redact.ts';
import { emptyPage, type Page, type Stretch } from '../server/store/read/keyset.ts';
import {
  type StrayKey,
  strayKey,
  type StrayReportRow,
} from '../server/store/read/stray-reports.ts';
import { batched } from './batch.ts';
import { builder } from './builder.ts';
import type { GraphContext, PlistValue } from './context.ts';
import { Enrollment } from './enrollment.ts';
import { connectionOf, cursorCodec, stretchOf } from './page.ts';
import { auditRead, seesSecrets } from './secret-read.ts';

const bytesOfLevel = batched<StrayKey, Buffer, null>(({ lists, viewer }, keys) =>
  lists.strayBytes(viewer, keys),
);

async function reportOf(context: GraphContext, row: StrayReportRow): Promise<Buffer | null> {
  const bytes = await bytesOfLevel(context, 'strays', strayKey(row), null);
  const { enrollmentId, commandUuid } = row;
  return bytes === undefined ? null : context.open.result({ bytes, enrollmentId, commandUuid });
}

/** Decoded; nobody knows which command it answers, so all but the envelope is masked. */
async function shownValue(context: GraphContext, row: StrayReportRow): Promise<PlistValue | null> {
  const bytes = await reportOf(context, row);
  if (bytes === null) return null;
  try {
    const value = context.plist.parse(bytes);
    return seesSecrets(context.viewer) ? value : redact(value, null, 'result');
  } catch (error) {
    const { enrollmentId, commandUuid } = row;
    context.log.warn({ enrollmentId, commandUuid, error }, 'a stored report cannot be decoded');
    return null;
  }
}

async function auditStray(context: GraphContext, row: StrayReportRow): Promise<void> {
  if (!seesSecrets(context.viewer)) return;
  const { enrollmentId, commandUuid } = row;
  await auditRead(context, { what: 'result', enrollmentId, commandUuid, requestType: '' });
}

export const StrayReport = builder.objectRef<StrayReportRow>('StrayReport').implement({
  description: 'A report on a command that the enrolment never had. The first one is kept.',
  authScopes: { scope: 'commands:read' },
  fields: (t) => ({
    commandUuid: t.exposeString('commandUuid', { description: 'The CommandUUID that it names.' }),
    status: t.exposeString('status', {
      description: "The device's own word, such as `Acknowledged`.",
    }),
    receivedAt: t.expose('receivedAt', { type: 'DateTime', description: 'When it came.' }),
    raw: t.field({
      type: 'Base64',
      nullable: true,
      description:
        'The report as it was sent. Without `secrets:read` a copy with `<redacted>` in place of all ' +
        'that could be a secret: nobody knows which command it answers.',
      resolve: async (row, _args, context) => {
        await auditStray(context, row);
        if (seesSecrets(context.viewer)) return reportOf(context, row);
        const value = await shownValue(context, row);
        return value === null ? null : context.plist.build(value);
      },
    }),
    decoded: t.field({
      type: 'PlistJSON',
      nullable: true,
      description: 'The report decoded; secrets as in `raw`.',
      resolve: async (row, _args, context) => {
        await auditStray(context, row);
        return shownValue(context, row);
      },
    }),
  }),
});

const strayCursor = cursorCodec<string>(
  'strays',
  (uuid) => [uuid],
  ([uuid]) => uuid ?? null,
);

const straysOfLevel = batched<bigint, Page<StrayReportRow>, Stretch<string>>(
  ({ lists, viewer }, keys, stretch) => lists.strayPages(viewer, keys, stretch),
);

builder.prismaInterfaceField(Enrollment, 'strayReports', (t) =>
  t.connection(
    {
      type: StrayReport,
      description: 'Reports on commands that it never had, by CommandUUID.',
      authScopes: { scope: 'commands:read' },
      resolve: async ({ key }, args, context) => {
        const stretch = stretchOf(args, strayCursor);
        const page = await straysOfLevel(context, JSON.stringify(args), key, stretch);
        return connectionOf(page ?? emptyPage, stretch, (node) => ({
          cursor: strayCursor.encode(node.commandUuid),
          node,
        }));
      },
    },
    { name: 'StrayReportConnection', description: 'A page of stray reports.' },
    { name: 'StrayReportEdge', description: 'A stray report, with its position.' },
  ),
);
