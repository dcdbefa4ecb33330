import { WebSocket } from 'ws';
import { createClient } from '../sdk/client.ts';
import { CursorError } from '../sdk/errors.ts';
import { runBridge } from './bridge.ts';
import { cursorFile } from './cursor-file.ts';
import { type Options, readOptions, UsageError, usage } from './options.ts';
import { replay } from './replay.ts';

const retry = { minDelay: 500, maxDelay: 60_000 };

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`);
}

/** @returns the exit status */
async function run(options: Options, signal: AbortSignal): Promise<number> {
  const { webhookUrl: url, hmacKey, timeout } = options;
  const receiver = { url, hmacKey, timeout };
  if (options.replay !== null) {
    const { taken, left } = await replay(options.replay, receiver);
    say({ message: 'replayed', taken, left });
    return left === 0 ? 0 : 1;
  }
  const mdm = createClient({
    url: options.url,
    token: options.token,
    webSocketImpl: WebSocket,
    onInterruption: ({ failures, delay }) => {
      if (failures === 1) say({ message: 'the server is away', retryIn: delay });
    },
  });
  try {
    await runBridge({
      ...options,
      mdm,
      receiver,
      cursors: cursorFile(options.cursorFile),
      retry,
      log: say,
      now: Date.now,
      signal,
    });
    return 0;
  } finally {
    mdm.close();
  }
}

/** What somebody has to do about an error, where we know. */
function advice(error: unknown, { cursorFile: file }: Options): string {
  if (!(error instanceof CursorError)) return '';
  return ` Webhooks were missed. To go on all the same, remove ${file} and start with --from ${error.oldest ?? 'EARLIEST'}.`;
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === null) {
    process.stdout.write(usage);
  } else {
    const ended = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ended.abort());
    try {
      process.exitCode = await run(options, ended.signal);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      say({ message: 'ended', why: `${message}${advice(error, options)}` });
      process.exitCode = 1;
    }
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
