import { helpText } from './config/help.ts';
import { parseSettings } from './config.ts';
import { holdBack } from './first-line.ts';
import { StartupError } from './model/errors.ts';
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
  if (settings.ca.length === 0) {
    log.warn({}, 'devices are refused until --ca names the authority of their certificates');
  }
  terminal?.(
    `graphmdm listens on ${running.url}\n` +
      `  GraphiQL    ${running.url}/graphql\n` +
      `  device URL  ${settings.publicUrl ?? running.url}/mdm\n`,
  );
  stopOnSignals(running, log);
}

function stopOnSignals(running: Running, log: ReturnType<typeof createLog>): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    // Asked twice: whoever asks does not want to wait for what is still being drained.
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    void running.stop().then(() => {
      log.info({}, 'stopped');
      process.exit(0);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

await main();
