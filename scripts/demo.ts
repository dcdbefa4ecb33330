import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createFleet, type Fleet } from '../clients/simulator/fleet.ts';
import { createSender } from '../clients/simulator/http.ts';
import { certificatePem, makeAuthority } from '../clients/simulator/identity.ts';
import { buildCommand } from '../server/protocol/messages/command.ts';
import { newToken } from '../server/secrets/token.ts';
import { type DemoApple, startApple } from './demo/apple.ts';
import { progress } from './demo/display.ts';
import { connectGraph, type Graph } from './demo/graph.ts';
import { startServer } from './demo/server.ts';

// What a newcomer sees first: a server, devices that enrol, one command to all of them, a push that wakes
// each, and the results as they arrive. Everything goes through the front doors that a real fleet and a
// real client use; what stands for Apple's push service wakes the devices, as they never ask by themselves.

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '10' },
    signature: { type: 'string', default: 'apple' },
  },
});
const size = Number(values.devices);
if (!Number.isInteger(size) || size < 1 || size > 10_000) {
  console.error('--devices is a number from 1 to 10000.');
  process.exit(1);
}
const style = values.signature === 'modern' ? 'modern' : 'apple';

const enqueue = `mutation Enqueue($input: EnqueueCommandInput!) {
  enqueueCommand(input: $input) {
    __typename
    ... on EnqueueCommandPayload { commandUuid queuedCount cursor }
    ... on Error { message }
  }
}`;

const enqueued = z.object({
  enqueueCommand: z.discriminatedUnion('__typename', [
    z.object({
      __typename: z.literal('EnqueueCommandPayload'),
      queuedCount: z.number(),
      cursor: z.string(),
    }),
    z.object({
      __typename: z.enum(['ValidationError', 'ConflictError', 'NotFoundError', 'ForbiddenError']),
      message: z.string(),
    }),
  ]),
});

const follow = `subscription Follow($uuid: String!, $after: String!) {
  commandResults(filter: { commands: [$uuid] }, after: $after) {
    __typename
    ... on CommandAnsweredEvent { status at enrollment { ... on DeviceEnrollment { deviceName osVersion } } }
  }
}`;

const followed = z.object({
  commandResults: z.object({
    __typename: z.string(),
    status: z.string().nullish(),
    enrollment: z
      .object({ deviceName: z.string().nullish(), osVersion: z.string().nullish() })
      .nullish(),
  }),
});

async function main(): Promise<void> {
  const started = Date.now();
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-demo-'));
  const authority = await makeAuthority({ commonName: 'graphmdm demo' });
  const ca = join(folder, 'ca.pem');
  const tokenFile = join(folder, 'token');
  const token = newToken();
  writeFileSync(ca, certificatePem(authority.certificate));
  writeFileSync(tokenFile, token, { mode: 0o600 });

  const appleCa = join(folder, 'apple.pem');
  const apple = await startApple(appleCa);
  console.error('Starting the server with a database of its own ...');
  const server = await startServer([
    ...['--listen', '127.0.0.1:0', '--data-dir', join(folder, 'data')],
    ...['--ca', ca, '--admin-token-file', tokenFile],
    ...['--apns-url', apple.url.href, '--apns-ca', appleCa],
  ]);
  const sender = createSender();
  const graph = connectGraph(server.url, token);
  try {
    console.error(`Listening on ${server.url}\n`);
    await apple.certify(graph);
    console.error('  its push certificate is uploaded');
    const fleet = await createFleet({
      size,
      authority,
      address: {
        serverUrl: new URL('/mdm', server.url),
        proof: { by: 'signature', style },
        send: sender.send,
      },
    });
    await enrolAll(fleet);
    await commandAll(graph, fleet, apple, started);
  } finally {
    graph.close();
    sender.close();
    await server.stop();
    await apple.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function enrolAll(fleet: Fleet): Promise<void> {
  const bar = progress('devices enrol', size);
  const failed = await fleet.each(async (device) => {
    await device.enrol();
    bar.step();
  });
  bar.done();
  if (failed.length > 0) throw failed[0];
}

async function commandAll(
  graph: Graph,
  fleet: Fleet,
  apple: DemoApple,
  started: number,
): Promise<void> {
  apple.wakes(fleet.devices, (error) => console.error('a device failed:', error));
  const uuid = randomUUID();
  const plist = buildCommand(
    'DeviceInformation',
    { Queries: ['DeviceName', 'OSVersion', 'SerialNumber'] },
    uuid,
  ).toString();
  const { enqueueCommand: outcome } = await graph.ask(
    enqueue,
    { input: { targets: { all: true }, command: { plist } } },
    enqueued,
  );
  if (outcome.__typename !== 'EnqueueCommandPayload') throw new Error(outcome.message);
  console.error(`  DeviceInformation is queued for ${outcome.queuedCount} devices by one mutation`);

  // The subscription starts from before the command was queued: no result can be missed.
  const results = graph.subscribe(follow, { uuid, after: outcome.cursor }, followed);
  const bar = progress('results arrive live', outcome.queuedCount);
  const seen: string[] = [];
  for await (const { commandResults: item } of results) {
    if (item.__typename !== 'CommandAnsweredEvent') continue;
    seen.push(`${item.enrollment?.deviceName ?? 'a device'}: ${item.status ?? ''}`);
    bar.step();
    if (seen.length === outcome.queuedCount) break;
  }
  bar.done();
  const { milliseconds } = fleet.tally.summary();
  console.error('');
  for (const line of seen.slice(0, 5)) console.error(`  ${line}`);
  if (seen.length > 5) console.error(`  ... and ${seen.length - 5} more`);
  console.log(
    `\n${size} devices enrolled, ${apple.pushes()} pushes sent, ${seen.length} results received live, in ` +
      `${((Date.now() - started) / 1000).toFixed(1)} s; the server answered devices in ` +
      `${milliseconds.p50} ms (median).`,
  );
}

await main();
