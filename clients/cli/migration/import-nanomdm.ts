import { command } from '../command.ts';
import { exit } from '../exit.ts';
import type { Source } from '../nanomdm/source.ts';
import { importUpload } from './import-lines.ts';
import { openSource, unreadable } from './open-source.ts';
import { type Report, reportOn, toldShape } from './report.ts';
import { upload } from './upload.ts';
import { verify } from './verify.ts';

export const importNanomdm = command({
  words: ['import', 'nanomdm'],
  what: 'brings in all that a NanoMDM has, from its storage, while it runs',
  more:
    'The storage is only read. Run it as often as you like: what is here already stays as it is, and nothing is\n' +
    'taken back from a device that has moved. Exit status 4: not all of it came; each line says what and why.',
  argument: { name: 'FOLDER', what: 'of a filekv storage', many: 'optional' },
  flags: {
    dsn: {
      type: 'text',
      value: 'URL',
      what: 'postgresql://… or mysql://…; in GRAPHMDM_SOURCE_DSN nobody sees its password in a list of processes',
    },
    'source-timezone': {
      type: 'text',
      value: 'ZONE',
      what: "what PostgreSQL's times mean there, such as Europe/Berlin; unless said, the database's own setting",
    },
    tenant: { type: 'text', value: 'NAME', what: 'whose they will be' },
    'dry-run': {
      type: 'switch',
      what: 'read all, let the server try all, say what would come and what not, and change nothing',
    },
    verify: {
      type: 'switch',
      what: 'afterwards read all again and compare with what is here (needs secrets:read)',
    },
  },
  fields: toldShape.fields,
  examples: [
    'graphmdm import nanomdm --dsn postgresql://reader@db.example.com/nanomdm --dry-run',
    'graphmdm import nanomdm --dsn mysql://reader@db.example.com/nanomdm --verify',
    'graphmdm import nanomdm /var/lib/nanomdm/dbkv --json what,id,code',
  ],
  async run(call) {
    const { flags, args, io, out, server } = call;
    out.demand(toldShape);
    server();
    const [folder] = args;
    const given = folder === undefined ? io.env['GRAPHMDM_SOURCE_DSN'] || undefined : undefined;
    const zone = flags['source-timezone'] ?? null;
    const open = () => openSource(flags.dsn ?? given, folder, zone);
    const report = reportOn(out);

    const uploadId = await from(open, (source) => upload(call, linesOf(source, report)));
    const how = { isTrial: flags['dry-run'], tenant: flags.tenant };
    const { done, failed } = await importUpload(call, uploadId, how, report);
    const verb = how.isTrial ? 'would come in' : 'came in';
    await out.note(`${done} records ${verb}, ${failed} were refused.`);
    if (flags.verify && !how.isTrial) {
      const compared = await from(open, (source) => verify(call, source, report));
      await out.note(
        `${compared.same} are here as they are there, ${compared.different} are not, ` +
          `${compared.newer} are newer here.`,
      );
    }
    return report.troubles > 0 ? exit.partly : exit.ok;
  },
});

async function from<T>(open: () => Promise<Source>, use: (source: Source) => Promise<T>) {
  const source = await open();
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** The file to send. What stays behind is told, and at the end how many there were of each kind. */
async function* linesOf(source: Source, report: Report): AsyncGenerator<string> {
  const counts = new Map<string, number>();
  const items = source.items()[Symbol.asyncIterator]();
  for (;;) {
    const item = await items.next().catch((error: unknown) => {
      throw unreadable(error);
    });
    if (item.done) break;
    const { value } = item;
    if ('leftBehind' in value) {
      await report.tell({ what: 'left', ...value.leftBehind });
      continue;
    }
    const { kind } = value.record;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    yield `${JSON.stringify(value.record)}\n`;
  }
  for (const [kind, count] of counts) await report.tell({ what: 'count', kind, count });
}
