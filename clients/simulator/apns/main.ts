import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { authorityFrom } from '../authority-files.ts';
import { startEscrowStandIn } from './escrow-stand-in.ts';
import { makePushCertificate } from './push-certificates.ts';
import { startStandIn } from './stand-in.ts';

const usage = `usage: apns --folder FOLDER [options]

Stands in for Apple's push service. Prints one line of JSON with its address, then one for each push.

  --folder FOLDER  where ca.pem, ca.key, push.pem and push.key are, or are written
  --topic TOPIC    topic of push.pem (com.apple.mgmt.External.simulator)
  --port PORT      (any free one)
  --streams N      concurrent streams of a connection (1000)
  --quiet          print no pushes
  --help
`;

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    topic: { type: 'string', default: 'com.apple.mgmt.External.simulator' },
    port: { type: 'string', default: '0' },
    streams: { type: 'string', default: '1000' },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.folder === undefined) {
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exitCode = values.help ? 0 : 2;
} else await run(values.folder);

async function run(folder: string): Promise<void> {
  const files = {
    ca: join(folder, 'ca.pem'),
    caKey: join(folder, 'ca.key'),
    certificate: join(folder, 'push.pem'),
    key: join(folder, 'push.key'),
  };
  mkdirSync(folder, { recursive: true });
  const authority = await authorityFrom(files.ca, files.caKey);
  if (!existsSync(files.certificate)) {
    const { certificate, key } = await makePushCertificate(authority, values.topic, { key: 'rsa' });
    writeFileSync(files.key, key, { mode: 0o600 });
    writeFileSync(files.certificate, certificate);
  }
  const standIn = await startStandIn({
    authority,
    port: Number(values.port),
    maxConcurrentStreams: Number(values.streams),
    heard({ token, topic, magic, apnsId }) {
      if (!values.quiet) say({ token, topic, magic, apnsId });
    },
  });
  const escrow = await startEscrowStandIn(authority);
  const { ca, certificate, key } = files;
  say({ url: standIn.url.origin, escrowUrl: escrow.url.href, ca, certificate, key });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void Promise.all([standIn.close(), escrow.close()]));
  }
}

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
