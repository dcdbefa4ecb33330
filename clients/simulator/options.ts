import { parseArgs } from 'node:util';
import type { RenewalShape } from './renewal.ts';

export const usage = `usage: simulator --url URL [options]
       simulator --enroll URL [options]

  --url URL              the server's device URL, such as http://localhost:9000/mdm
  --enroll URL           an invitation's page, or a profile: the devices do as it says, with
                         certificates of their own by SCEP
  --check-in-url URL     where check-ins go, if elsewhere
  --devices N            how many devices (10)
  --first N              number of the first device (0)
  --signature STYLE      apple: BER, SHA-1, as devices sign (default); modern: DER, SHA-256
  --key KIND             ec (default) or rsa
  --cert-header NAME     send the certificate in this header (RFC 9440) instead of a signature
  --topic TOPIC          the push topic that the devices name
  --ca-cert FILE         the CA to use, with --ca-key; both are made if neither exists
  --ca-key FILE
  --ca-out FILE          also write the CA's certificate here
  --renew SHAPE          with --enroll: renew each certificate by SCEP once, and tell of it by
                         authenticate, token-update, silent; fails: it fails after Authenticate
  --concurrency N        how many devices talk at once (32)
  --poll-interval SEC    how often each device asks for commands (5)
  --once                 enrol, empty the queues once, and end
  --json                 the summary as JSON
  --help
`;

/** Where the devices go. */
export type Target =
  | { readonly by: 'address'; readonly url: URL; readonly checkInUrl?: URL }
  | { readonly by: 'profile'; readonly enroll: URL; readonly renew: RenewalShape | 'fails' | null };

/** What the command line asks for. */
export interface Options {
  readonly target: Target;
  readonly devices: number;
  readonly first: number;
  readonly signature: 'apple' | 'modern';
  readonly key: 'ec' | 'rsa';
  readonly certHeader?: string;
  readonly topic?: string;
  readonly caCert?: string;
  readonly caKey?: string;
  readonly caOut?: string;
  readonly concurrency: number;
  /** Milliseconds. */
  readonly pollInterval: number;
  readonly once: boolean;
  readonly json: boolean;
}

/** A command line that cannot be followed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the command line. @returns null when only help is wanted @throws {UsageError} */
export function readOptions(argv: readonly string[]): Options | null {
  const values = parsed(argv);
  if (values.help) return null;
  if ((values['ca-cert'] === undefined) !== (values['ca-key'] === undefined)) {
    throw new UsageError('--ca-cert and --ca-key go together');
  }
  return {
    target: targetOf(values),
    devices: numberOf('--devices', values.devices, 1),
    first: numberOf('--first', values.first, 0),
    signature: oneOf('--signature', values.signature, ['apple', 'modern'] as const),
    key: oneOf('--key', values.key, ['ec', 'rsa'] as const),
    ...(values['cert-header'] !== undefined && { certHeader: values['cert-header'] }),
    ...(values.topic !== undefined && { topic: values.topic }),
    ...(values['ca-cert'] !== undefined && { caCert: values['ca-cert'] }),
    ...(values['ca-key'] !== undefined && { caKey: values['ca-key'] }),
    ...(values['ca-out'] !== undefined && { caOut: values['ca-out'] }),
    concurrency: numberOf('--concurrency', values.concurrency, 1),
    pollInterval: numberOf('--poll-interval', values['poll-interval'], 0) * 1000,
    once: values.once,
    json: values.json,
  };
}

const shapes = ['authenticate', 'token-update', 'silent', 'fails'] as const;

function targetOf(values: NonNullable<ReturnType<typeof parsed>>): Target {
  const { url, enroll, renew, 'check-in-url': checkInUrl } = values;
  if ((url === undefined) === (enroll === undefined)) {
    throw new UsageError(
      url === undefined ? '--url is missing, or --enroll' : 'give --url or --enroll',
    );
  }
  if (enroll === undefined) {
    if (renew !== undefined) throw new UsageError('--renew goes with --enroll');
    return {
      by: 'address',
      url: urlOf('--url', url ?? ''),
      ...(checkInUrl !== undefined && { checkInUrl: urlOf('--check-in-url', checkInUrl) }),
    };
  }
  const other = (['check-in-url', 'topic', 'ca-cert', 'ca-out'] as const).find(
    (name) => values[name] !== undefined,
  );
  if (other !== undefined) throw new UsageError(`--${other} does not go with --enroll`);
  return {
    by: 'profile',
    enroll: urlOf('--enroll', enroll),
    renew: renew === undefined ? null : oneOf('--renew', renew, shapes),
  };
}

function parsed(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        url: text,
        enroll: text,
        renew: text,
        'check-in-url': text,
        devices: { ...text, default: '10' },
        first: { ...text, default: '0' },
        signature: { ...text, default: 'apple' },
        key: { ...text, default: 'ec' },
        'cert-header': text,
        topic: text,
        'ca-cert': text,
        'ca-key': text,
        'ca-out': text,
        concurrency: { ...text, default: '32' },
        'poll-interval': { ...text, default: '5' },
        once: flag,
        json: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function urlOf(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`${flag} is no http(s) address: ${text}`);
  }
  return url;
}

function numberOf(flag: string, text: string, least: number): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  const whole = flag === '--poll-interval' || Number.isSafeInteger(number);
  if (!Number.isFinite(number) || number < least || !whole) {
    throw new UsageError(`${flag} must be a number from ${least} on: ${text}`);
  }
  return number;
}

function oneOf<const Words extends readonly string[]>(
  flag: string,
  text: string,
  words: Words,
): Words[number] {
  const word: Words[number] | undefined = words.find((candidate) => candidate === text);
  if (word === undefined) throw new UsageError(`${flag} must be ${words.join(' or ')}: ${text}`);
  return word;
}
