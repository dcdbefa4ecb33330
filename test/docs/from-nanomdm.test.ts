import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTopics } from '../../clients/webhook/payload.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { schema } from '../../schema/schema.ts';
import { aCommand } from '../build/commands.ts';
import { askText } from '../graph/ask.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken } from '../harness/server.ts';
import { type NanomdmServer, startNanomdmServer } from '../nanomdm-api/nanomdm-server.ts';
import { topic } from '../push/push-server.ts';
import { readPage } from './page.ts';

const page = readPage('from-nanomdm.md');

let server: NanomdmServer;
let device: Device;

beforeAll(async () => {
  server = await startNanomdmServer();
  device = await server.device(1);
  await device.enrol();
});
afterAll(() => server.stop());

const tried = new Set<string>();

/** What one of the page's examples answers. */
async function example(name: string, variables: object): Promise<unknown> {
  tried.add(name);
  const text = page.operations.get(name);
  if (text === undefined) throw new Error(`The page shows no ${name}.`);
  const { data, errors } = await askText(server.graph, adminToken, text, variables);
  expect(errors).toBeUndefined();
  return Object.values(Object(data))[0];
}

describe('docs/from-nanomdm.md', () => {
  it('uploads a push certificate and tells when it ends, as /v1/pushcert does', async () => {
    const pem = await server.apple.certificate('com.apple.mgmt.External.another');
    expect(await example('UploadCertificate', { pem })).toMatchObject({
      topic: 'com.apple.mgmt.External.another',
    });
    const other = await server.call(`/v1/pushcert?topic=${topic}`, { method: 'GET' });
    expect(await example('CertificateOf', { topic })).toMatchObject({ topic });
    const certificate = await example('CertificateOf', { topic });
    expect(Date.parse(Object(certificate).expiresAt)).toBe(
      Date.parse(JSON.parse(other.text).not_after),
    );
  });

  it('pushes and queues, as /v1/push and /v1/enqueue do', async () => {
    const ids = [device.enrollmentId];
    expect(await example('PushTo', { ids })).toMatchObject({
      outcomes: [{ enrollmentId: device.enrollmentId, push: { state: 'ACCEPTED' } }],
    });
    const plist = aCommand('from-nanomdm');
    expect(await example('EnqueueFor', { ids: [...ids, 'nobody'], plist })).toMatchObject({
      commandUuid: 'from-nanomdm',
      queuedCount: 1,
      refused: { edges: [{ node: { id: 'nobody' } }] },
    });
    expect((await device.channel.poll())?.raw.toString()).toBe(plist);
  });

  it('lifts an Activation Lock, as /v1/escrowkeyunlock does', async () => {
    const input = {
      topic,
      serialNumber: 'SERIAL',
      productType: 'iPhone',
      escrowKey: 'KEY',
      organizationName: 'Acme',
      guid: 'a-guid',
    };
    expect(await example('Unlock', { input })).toMatchObject({
      __typename: 'EscrowKeyUnlockPayload',
      status: expect.any(Number),
    });
  });

  it('shows what NanoMDM keeps in its tables', async () => {
    expect(await example('State', { id: device.enrollmentId })).toMatchObject({
      enabled: true,
      tokenUpdateTally: 1,
      serialNumber: device.facts.serialNumber,
    });
  });

  it('follows what webhooks tell, one event for each topic', async () => {
    tried.add('Webhook');
    const document = new TypedDocumentString<unknown, { after: string }>(
      page.operations.get('Webhook') ?? '',
    );
    await device.channel.connect();
    const subscribed = await bySse(server.graph, adminToken, document, { after: 'EARLIEST' });
    let told = '';
    while (!told.includes('"CommandAnsweredEvent"')) {
      const { value } = await subscribed.next();
      expect(value.errors).toBeUndefined();
      told += JSON.stringify(value.data);
    }
    await subscribed.close();
    expect(told).toContain('"tokenUpdateTally":1');
    expect(told).toContain('"commandUuid":"from-nanomdm"');
    for (const one of allTopics) expect(page.text).toContain(`| \`${one}\``);
    const named = new Set(page.text.match(/\b\w+Event\b/g));
    expect([...named].filter((name) => !schema.getType(name))).toEqual([]);
  });

  it('has no operations but those tried here', () => {
    expect(new Set(page.operations.keys())).toEqual(tried);
  });
});
