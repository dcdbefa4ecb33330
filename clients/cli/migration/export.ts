import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { Failure, usage } from '../failure.ts';
import { filterFlags, filterOf } from '../filter.ts';
import { exportLines, makeExport } from './fetch-export.ts';
import { reportOn, toldShape } from './report.ts';
import { sendToNanomdm } from './to-nanomdm.ts';

export const exportCommand = command({
  words: ['export'],
  what: 'takes enrolments out: into a file of records, or into a NanoMDM',
  more:
    'The file holds every secret in clear, and is for its owner alone. Into a NanoMDM go messages and bootstrap\n' +
    'tokens of what is enabled, which is all that its /migration takes; run it with -retro. Exit status 4: not all of\n' +
    'it was taken.',
  flags: {
    all: { type: 'switch', what: 'every enrolment' },
    ...filterFlags,
    out: { type: 'text', value: 'FILE', isFile: true, what: 'where the records go' },
    to: { type: 'text', value: 'URL', what: 'of a NanoMDM that has -migration and -api' },
    'nanomdm-api-key-file': {
      type: 'text',
      value: 'FILE',
      isFile: true,
      what: 'with the key of its API; or set NANOMDM_API_KEY',
    },
  },
  fields: toldShape.fields,
  examples: [
    'graphmdm export --all --out export.ndjson',
    'graphmdm export --tag back --to https://nanomdm.example.com --nanomdm-api-key-file key',
  ],
  async run(call) {
    const { flags, io, out } = call;
    out.demand(toldShape);
    const filter = filterOf(flags);
    if (flags.all === (filter !== undefined)) {
      throw usage('Which?', 'Say --all, or a filter such as --tag lab.');
    }
    if ((flags.out === undefined) === (flags.to === undefined)) {
      throw usage('Where to?', 'Say --out FILE, or --to https://nanomdm.example.com.');
    }
    const target = flags.to === undefined ? null : await nanomdmAt(flags.to, call);
    const { url, targetCount } = await makeExport(call, filter ? { filter } : { all: true });
    const report = reportOn(out);
    if (flags.out !== undefined) {
      const lines = await writeLines(flags.out, exportLines(call, url));
      await report.tell({ what: 'count', kind: 'enrollment', count: targetCount });
      await out.note(`${lines} records are in ${flags.out}. It holds secrets in clear.`);
    } else if (target !== null) {
      const sent = await sendToNanomdm(
        { ...target, signal: io.interrupted },
        () => exportLines(call, url),
        report,
      );
      await report.tell({ what: 'count', kind: 'enrollment', count: sent });
    }
    return report.troubles > 0 ? exit.partly : exit.ok;
  },
});

async function nanomdmAt(
  to: string,
  {
    flags,
    io,
  }: {
    flags: { 'nanomdm-api-key-file': string | undefined };
    io: { env: NodeJS.ProcessEnv | Readonly<Record<string, string | undefined>> };
  },
): Promise<{ readonly url: URL; readonly key: string }> {
  if (!URL.canParse(to) || !/^https?:$/.test(new URL(to).protocol)) {
    throw usage('--to is no http(s) address.', 'Give one such as https://nanomdm.example.com.');
  }
  const path = flags['nanomdm-api-key-file'];
  const key =
    path === undefined
      ? io.env['NANOMDM_API_KEY']
      : await readFile(path, 'utf8').catch((error: unknown) => {
          throw usage(`--nanomdm-api-key-file cannot be read (${String(Object(error).code)}).`);
        });
  if (key === undefined || key.trim() === '') {
    throw usage('The key of its API is missing.', 'Say --nanomdm-api-key-file FILE.');
  }
  const base = new URL(to);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return { url: new URL('migration', base), key: key.trim() };
}

/** Writes all lines or, when they are cut, nothing. @returns how many */
async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  const fresh = `${path}.part`;
  const file = createWriteStream(fresh, { mode: 0o600 });
  const opened = once(file, 'open').catch((error: unknown) => {
    throw new Failure('NOT_WRITTEN', `${path} cannot be written (${String(Object(error).code)}).`);
  });
  await opened;
  let count = 0;
  try {
    for await (const line of lines) {
      count += 1;
      if (!file.write(`${line}\n`)) await once(file, 'drain');
    }
    file.end();
    await once(file, 'close');
    await rename(fresh, path);
  } catch (error) {
    file.destroy();
    await rm(fresh, { force: true });
    throw error;
  }
  return count;
}
