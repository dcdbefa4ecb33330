import { createReadStream } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { importUpload } from './import-lines.ts';
import { reportOn, toldShape } from './report.ts';
import { upload } from './upload.ts';

export const migrate = command({
  words: ['migrate'],
  what: 'brings in enrolments from a file of records (docs/migrate-records.md)',
  more:
    'Run it as often as you like: what is here already stays as it is. Exit status 4: some lines were refused;\n' +
    'each is told with its number.',
  flags: {
    file: { type: 'text', value: 'FILE', isFile: true, what: 'lines of JSON; - is stdin' },
    tenant: { type: 'text', value: 'NAME', what: 'whose they will be' },
    'dry-run': { type: 'switch', what: 'let the server try all of it, and change nothing' },
  },
  fields: toldShape.fields,
  examples: [
    'graphmdm migrate --file records.ndjson --dry-run',
    'graphmdm migrate --file records.ndjson --json line,code,id',
  ],
  async run(call) {
    const { flags, io, out } = call;
    out.demand(toldShape);
    if (flags.file === undefined) throw usage('--file is missing: a file, or - for stdin.');
    const report = reportOn(out);
    const uploadId = await upload(call, partsOf(flags.file, io.stdin));
    const how = { isTrial: flags['dry-run'], tenant: flags.tenant };
    const { done, failed } = await importUpload(call, uploadId, how, report);
    const verb = how.isTrial ? 'would come in' : 'came in';
    await out.note(`${done} records ${verb}, ${failed} were refused.`);
    return report.troubles > 0 ? exit.partly : exit.ok;
  },
});

async function* partsOf(
  path: string,
  stdin: { bytes(): Promise<Buffer> },
): AsyncGenerator<Uint8Array> {
  if (path === '-') {
    yield await stdin.bytes();
    return;
  }
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw usage(`--file: ${path} cannot be read (${String(Object(error).code)}).`);
  }
  for await (const part of createReadStream(path)) yield Buffer.from(part);
}
