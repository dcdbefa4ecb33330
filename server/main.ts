import { helpText } from './config/help.ts';
import { parseSettings } from './config.ts';
import { holdBack } from './first-line.ts';
import { StartupError } from './model/errors.ts';
import type { Log } from './model/log.ts';
import { createLog } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { type Running, serve } from './serve.ts';
import { packageVersion } from './store/package-root.ts';

const terminal = process.stderr.isTTY ? (text: string) => void process.stderr.write(text) : null;

async function main(): Promise<void> {
  const configured = parseSettings(process.argv.slice(2), process.env);
  if ('asksFor' in configured) {
    process.stdout.write(configured.asksFor === 'help' ? helpText() : `${packageVersion()}\n`);
    return;
  }
  if ('errors' in configured) {
    process.stderr.write(`${configured.errors.join('\n')}\nSee --help for all settings.\n`);
    process.exitCode = 1;
    return;
  }
  const { settings, warnings } = configured;
  const output = holdBack((text) => void process.stdout.write(text));
  const log = createLog(settings.logLevel, output);
  for (const warning of warnings) log.warn({}, warning);

  const whenAsked = stopOnSignals(log);
  let running: Running;
  try {
    running = await serve({ settings, log, metrics: createMetrics(), terminal });
  } catch (error) {
    output.release();
    if (!(error instanceof StartupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  // Handed over before anybody is told where it listens, and may ask it to stop.
  whenAsked(running);
  output.release({
    level: 'info',
    time: new Date().toISOString(),
    msg: 'listening',
    port: running.port,
    url: running.url,
    deviceUrl: `${settings.publicUrl ?? running.url}/mdm`,
    graphqlUrl: `${running.url}/graphql`,
    pid: process.pid,
  });
  terminal?.(
    `graphmdm listens on ${running.url}\n` +
      `  GraphiQL    ${running.url}/graphql\n` +
      `  device URL  ${settings.publicUrl ?? running.url}/mdm\n`,
  );
}

/**
 * Stops the server on SIGTERM and SIGINT. Asked while it starts, it stops once it has started: a database
 * of our own must not be left running.
 * @returns takes the server when it runs
 */
function stopOnSignals(log: Log): (running: Running) => void {
  let running: Running | null = null;
  let asked: NodeJS.Signals | null = null;
  const stop = (): void => {
    if (running === null || asked === null) return;
    log.info({ signal: asked }, 'stopping');
    void running.stop().then(() => {
      log.info({}, 'stopped');
      process.exit(0);
    });
  };
  const hear = (signal: NodeJS.Signals): void => {
    // Asked twice: whoever asks does not want to wait for what is still being drained.
    if (asked !== null) process.exit(1);
    asked = signal;
    stop();
  };
  process.on('SIGTERM', hear);
  process.on('SIGINT', hear);
  return (started) => {
    running = started;
    stop();
  };
}

await main();
