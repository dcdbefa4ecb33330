import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { list } from './documents.ts';
import { type PushServer, startPushServer, topicNamed, type UploadInput } from './push-server.ts';

let server: PushServer;
const used = topicNamed('used');
const fresh = topicNamed('fresh');

beforeAll(async () => {
  server = await startPushServer();
  for (let count = 0; count < 3; count += 1) await server.enrolOn(used);
  await server.enrolOn(topicNamed('second'));
});
afterAll(() => server.stop());

async function uploadFor(topic: string, more: Partial<UploadInput> = {}, token?: string) {
  const { certificate, key } = await makePushCertificate(server.apple, topic);
  return server.upload({ source: { pem: certificate + key }, ...more }, token);
}

describe('the topic of an upload', () => {
  it('that devices are enrolled on is no new one, though its certificate is the first', async () => {
    expect(await uploadFor(used)).toMatchObject({
      version: 1,
      pushCertificate: { enrollmentCount: 3 },
    });
  });

  it('that nothing is enrolled on is refused while others are, with how many', async () => {
    const outcome = await uploadFor(fresh);
    expect(outcome).toMatchObject({
      __typename: 'ConflictError',
      code: 'NEW_TOPIC',
      path: ['input', 'newTopic'],
    });
    expect(outcome).toHaveProperty('message', expect.stringContaining('4 devices are enrolled'));
    expect(outcome).toHaveProperty('message', expect.stringContaining(`${used}: 3`));
  });

  it('is refused when it is not the one to renew, with how many would be cut off', async () => {
    const outcome = await uploadFor(fresh, { renews: used });
    expect(outcome).toMatchObject({
      __typename: 'ConflictError',
      code: 'OTHER_TOPIC',
      path: ['input', 'renews'],
    });
    expect(outcome).toHaveProperty('message', expect.stringContaining('3 devices are enrolled'));
  });

  it('is taken as a renewal when it is the one to renew', async () => {
    expect(await uploadFor(used, { renews: used })).toMatchObject({ version: 2 });
  });

  it('is taken as a new one when that is said, and from then on without', async () => {
    expect(await uploadFor(fresh, { newTopic: true })).toMatchObject({ version: 1 });
    expect(await uploadFor(fresh)).toMatchObject({ version: 2 });
  });

  it('cannot be new and renewed at once', async () => {
    const outcome = await uploadFor(used, { renews: used, newTopic: true });
    expect(outcome).toMatchObject({ __typename: 'ValidationError', code: 'RENEWS_OR_NEW' });
  });

  it('to renew has to look like one', async () => {
    const outcome = await uploadFor(used, { renews: 'com.example\0' });
    expect(outcome).toMatchObject({ __typename: 'ValidationError', code: 'BAD_TOPIC' });
  });

  it('counts each one once when several come at the same time', async () => {
    const topic = topicNamed('race');
    const { certificate, key } = await makePushCertificate(server.apple, topic);
    const source = { pem: certificate + key };
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => server.upload({ source, newTopic: true })),
    );
    const versions = outcomes.map((one) => ('version' in one ? one.version : 0));
    expect(versions.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("another tenant's topic", () => {
  it('is neither replaced nor told of', async () => {
    const token = await server.token();
    for (const more of [{}, { renews: used }, { newTopic: true }]) {
      const outcome = await uploadFor(used, more, token);
      expect(outcome).toMatchObject({ __typename: 'ConflictError', code: 'TOPIC_UNAVAILABLE' });
      expect(JSON.stringify(outcome)).not.toMatch(/tenant|device/);
    }
    const counted = await uploadFor(fresh, { renews: used }, token);
    expect(counted).toHaveProperty('message', expect.stringContaining('0 devices'));
    const { pushCertificates } = await server.ask(list, {});
    const known = pushCertificates.edges.find(({ node }) => node.topic === used);
    expect(known?.node.version).toBe(2);
  });

  it('does not make a topic of its own a strange one', async () => {
    const token = await server.token();
    const own = topicNamed('own');
    expect(await uploadFor(own, {}, token)).toMatchObject({
      version: 1,
      pushCertificate: { enrollmentCount: 0 },
    });
    const { pushCertificates } = await server.ask(list, {}, token);
    expect(pushCertificates.edges.map(({ node }) => node.topic)).toEqual([own]);
  });
});
