import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { authorityFrom } from './authority-files.ts';
import type { Fleet } from './fleet.ts';
import { createFleet } from './fleet.ts';
import { createSender } from './http.ts';
import { certificatePem } from './identity.ts';
import type { Options } from './options.ts';
import { readOptions, usage, UsageError } from './options.ts';

/** Enrols a fleet and lets it answer. @returns the number of devices that failed at something */
async function run(options: Options, ended: AbortSignal): Promise<number> {
  const authority = await authorityFrom(options.caCert, options.caKey);
  if (options.caOut !== undefined) {
    writeFileSync(options.caOut, certificatePem(authority.certificate));
  }
  const sender = createSender({ connections: options.concurrency });
  const fleet = await createFleet({
    size: options.devices,
    first: options.first,
    authority,
    key: options.key,
    concurrency: options.concurrency,
    ...(options.topic !== undefined && { facts: { topic: options.topic } }),
    address: {
      serverUrl: options.url,
      ...(options.checkInUrl && { checkInUrl: options.checkInUrl }),
      proof:
        options.certHeader === undefined
          ? { by: 'signature', style: options.signature }
          : { by: 'header', name: options.certHeader, format: 'rfc9440' },
      send: sender.send,
    },
  });
  const failed = await fleet.each((device) => device.enrol());
  say(
    `${fleet.devices.length - failed.length} of ${fleet.devices.length} devices enrolled`,
    failed,
  );
  let failures = failed.length;
  do {
    failures += await answerAll(fleet);
    if (!options.once) await pause(options.pollInterval, null, { signal: ended }).catch(() => null);
  } while (!options.once && !ended.aborted);
  const summary = fleet.tally.summary();
  if (options.json) console.log(JSON.stringify(summary));
  else console.log(summary);
  sender.close();
  return failures;
}

async function answerAll(fleet: Fleet): Promise<number> {
  let answered = 0;
  const failed = await fleet.each(async (device) => {
    const commands = await device.channel.connect();
    answered += commands.length;
  });
  if (answered > 0 || failed.length > 0) say(`${answered} commands answered`, failed);
  return failed.length;
}

/** Progress goes to stderr, so that stdout holds the summary alone. */
function say(line: string, failed: readonly unknown[]): void {
  const [first] = failed;
  const reason = first instanceof Error ? first.message : String(first);
  console.error(failed.length > 0 ? `${line}; ${failed.length} failed, first: ${reason}` : line);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    console.log(usage);
  } else {
    const ended = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
    process.exitCode = (await run(options, ended.signal)) > 0 ? 1 : 0;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error(`\n${usage}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
