import { readFileSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { allTopics } from './payload.ts';

export const usage = `usage: webhook --url URL --webhook-url URL [options]

Posts what devices do as NanoMDM's webhooks, each at least once.

  --url URL                 the server, such as https://mdm.example.com (GRAPHMDM_URL)
  --token-file FILE         its API token (or GRAPHMDM_TOKEN), with the scopes events:read,
                            enrollments:read, commands:read, and secrets:read for raw payloads as sent
  --webhook-url URL         where to post
  --webhook-hmac-key-file FILE
                            signs each body (or WEBHOOK_HMAC_KEY): X-Hmac-Signature
  --cursor-file FILE        remembers how far it is (./webhook.cursor)
  --dead-letter-file FILE   keeps what was given up (./webhook.dead-letters)
  --from WHERE              where to begin without a cursor: now (default), EARLIEST, or a cursor
  --timeout SEC             how long the receiver may take (10)
  --topics LIST             post only these, such as mdm.Connect,mdm.TokenUpdate (all)
  --tries N                 how often one is tried that is answered with an error (5)
  --give-up-after SEC       how long one is tried while the receiver is away: no answer, 429, 502,
                            503, 504 (86400)
  --replay FILE             posts the dead letters of a file once more, and ends
  --help
`;

/** What the command line asks for. */
export interface Options {
  readonly url: string;
  readonly token: string;
  readonly webhookUrl: URL;
  readonly hmacKey: string | null;
  readonly cursorFile: string;
  readonly deadLetterFile: string;
  /** Null: from now on. */
  readonly from: string | null;
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds. */
  readonly giveUpAfter: number;
  readonly tries: number;
  /** Null: all. */
  readonly topics: ReadonlySet<string> | null;
  readonly replay: string | null;
}

/** A command line that cannot be followed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads the command line. @returns null when only help is wanted @throws {UsageError} */
export function readOptions(argv: readonly string[], env: Env): Options | null {
  const values = parsed(argv);
  if (values.help === true) return null;
  const replay = values.replay ?? null;
  const { from } = values;
  return {
    url: replay === null ? demand('--url', values.url ?? env['GRAPHMDM_URL']) : '',
    token:
      replay === null
        ? demand(
            '--token-file or GRAPHMDM_TOKEN',
            secret(values['token-file'], env['GRAPHMDM_TOKEN']),
          )
        : '',
    webhookUrl: webhookUrl(demand('--webhook-url', values['webhook-url'])),
    hmacKey: secret(values['webhook-hmac-key-file'], env['WEBHOOK_HMAC_KEY']) ?? null,
    cursorFile: values['cursor-file'] ?? 'webhook.cursor',
    deadLetterFile: values['dead-letter-file'] ?? 'webhook.dead-letters',
    from: from === undefined || from === 'now' ? null : from,
    timeout: 1_000 * numberOf('--timeout', values.timeout, 10),
    giveUpAfter: 1_000 * numberOf('--give-up-after', values['give-up-after'], 86_400),
    tries: numberOf('--tries', values.tries, 5),
    topics: topicsOf(values.topics),
    replay,
  };
}

function parsed(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        url: text,
        'token-file': text,
        'webhook-url': text,
        'webhook-hmac-key-file': text,
        'cursor-file': text,
        'dead-letter-file': text,
        from: text,
        timeout: text,
        'give-up-after': text,
        tries: text,
        topics: text,
        replay: text,
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function demand(what: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new UsageError(`${what} is missing`);
}

function webhookUrl(text: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new UsageError(`--webhook-url ${text} is no http address`);
}

function topicsOf(text: string | undefined): ReadonlySet<string> | null {
  if (text === undefined) return null;
  const topics = text.split(',').map((topic) => topic.trim());
  const unknown = topics.filter((topic) => !allTopics.has(topic));
  if (unknown.length === 0) return new Set(topics);
  throw new UsageError(
    `--topics: there is no ${unknown.join(', ')}, but ${[...allTopics].join(', ')}`,
  );
}

function numberOf(flag: string, text: string | undefined, fallback: number): number {
  const number = Number(text ?? fallback);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new UsageError(`${flag} takes a whole number from 1`);
}

/** @throws {UsageError} others may read the file */
function secret(path: string | undefined, fallback: string | undefined): string | undefined {
  if (path === undefined) return fallback;
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw new UsageError(`${path} holds a secret, and others may read it: chmod 600 ${path}`);
    }
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
