import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { authorityFrom } from './authority-files.ts';
import type { Fleet } from './fleet.ts';
import { createFleet } from './fleet.ts';
import { createSender } from './http.ts';
import type { EnrollmentProfile } from './enrollment-profile.ts';
import { fetchProfile } from './enroll.ts';
import type { Authority } from './identity.ts';
import { certificatePem } from './identity.ts';
import type { Options, Target } from './options.ts';
import { readOptions, usage, UsageError } from './options.ts';
import type { RenewalShape } from './renewal.ts';
import { enrolByScep, renewByScep } from './scep.ts';

/** Enrols a fleet and lets it answer. @returns the number of devices that failed at something */
async function run(options: Options, ended: AbortSignal): Promise<number> {
  const sender = createSender({ connections: options.concurrency });
  const { target } = options;
  const profile = target.by === 'profile' ? await fetchProfile(target.enroll) : null;
  const topic = profile?.mdm.topic ?? options.topic;
  const fleet = await createFleet({
    size: options.devices,
    first: options.first,
    authority: profile === null ? await madeAuthority(options) : () => enrolByScep(profile.scep),
    key: options.key,
    concurrency: options.concurrency,
    ...(topic !== undefined && { facts: { topic } }),
    ...(profile !== null && { progress: progressOf('have their certificates', options.devices) }),
    address: {
      ...addressOf(target, profile),
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
  if (target.by === 'profile' && profile !== null && target.renew !== null) {
    failures += await renewAll(fleet, profile, target.renew);
  }
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

async function madeAuthority({ caCert, caKey, caOut }: Options): Promise<Authority> {
  const authority = await authorityFrom(caCert, caKey);
  if (caOut !== undefined) writeFileSync(caOut, certificatePem(authority.certificate));
  return authority;
}

function addressOf(target: Target, profile: EnrollmentProfile | null) {
  if (profile !== null) return profile.mdm;
  if (target.by !== 'address') throw new Error('there is no profile');
  return { serverUrl: target.url, ...(target.checkInUrl && { checkInUrl: target.checkInUrl }) };
}

async function renewAll(
  fleet: Fleet,
  { scep }: EnrollmentProfile,
  shape: RenewalShape | 'fails',
): Promise<number> {
  let done = 0;
  const progress = progressOf('have renewed', fleet.devices.length);
  const failed = await fleet.each(async (device) => {
    const identity = await renewByScep(device.identity, scep);
    if (shape === 'fails') await device.failRenewal(identity);
    else await device.renew(identity, shape);
    progress((done += 1));
  });
  say(`${fleet.devices.length - failed.length} of ${fleet.devices.length} devices renewed`, failed);
  return failed.length;
}

/** Says how far it is, once a second at most: by SCEP each device makes an RSA key. */
function progressOf(what: string, all: number): (done: number) => void {
  let said = Date.now();
  return (done) => {
    if (done < all && Date.now() - said < 1000) return;
    said = Date.now();
    console.error(`${done} of ${all} devices ${what}`);
  };
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
