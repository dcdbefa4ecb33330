import { createPrivateKey, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import {
  type Authority,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { createRequest, list } from './documents.ts';
import { keyAs, pkcs12 } from './key-files.ts';
import { type PushServer, startPushServer, topicNamed } from './push-server.ts';

let server: PushServer;
let authority: Authority;

beforeAll(async () => {
  server = await startPushServer();
  authority = await makeAuthority({ key: 'rsa' });
});
afterAll(() => server.stop());

const password = 'correct horse battery staple';
/** The key of test servers. */
const keyring = createKeyring([Buffer.alloc(32, 7)]);

/** Texts of which one would show if a key stood somewhere in clear, whatever its form. */
function tracesOf(key: KeyObject): readonly string[] {
  const { d = '' } = key.export({ format: 'jwk' });
  const secret = Buffer.from(d, 'base64url');
  const lines = (['pkcs1', 'pkcs8'] as const).flatMap((type) =>
    key.export({ format: 'pem', type }).toString().split('\n').slice(10, 20),
  );
  return [
    secret.subarray(8, 40).toString('hex'),
    ...lines,
    // A bytea shows as hexadecimal, a text in it too.
    ...lines.map((line) => Buffer.from(line).toString('hex')),
  ];
}

/** Every row of every table, as text. */
async function wholeDatabase(): Promise<string> {
  const { graph: pool } = server.store.database;
  const tables = await pool.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  const rows: string[] = [];
  for (const { name } of tables.rows) {
    const found = await pool.query<{ row: string }>(`select t::text as row from "${name}" t`);
    rows.push(...found.rows.map(({ row }) => row));
  }
  return rows.join('\n');
}

/** Does something while the table is away, so that the server has an error to log. */
async function failingToStore(run: () => Promise<void>): Promise<void> {
  const { graph: pool } = server.store.database;
  await pool.query('alter table push_certificate rename to push_certificate_away');
  await expect(run()).rejects.toThrow('INTERNAL_SERVER_ERROR');
  await pool.query('alter table push_certificate_away rename to push_certificate');
}

async function storedKey(table: string, column: string, row: string, where: string) {
  const { rows } = await server.store.database.graph.query<{ sealed: Buffer }>(
    `select "${column}" as sealed from "${table}" where ${where} = $1`,
    [row],
  );
  return keyring.open({ table, column, row }, rows[0]?.sealed ?? Buffer.alloc(0));
}

describe('a private key and its password', () => {
  it('are in no answer and no line of the log, and in the database only sealed', async () => {
    const secrets: KeyObject[] = [];
    const upload = async (name: string, file: 'pem' | 'encrypted' | 'pkcs12') => {
      const pair = await makePushCertificate(authority, topicNamed(name), { key: 'rsa' });
      secrets.push(createPrivateKey(pair.key));
      const source =
        file === 'pkcs12'
          ? { pkcs12: pkcs12(pair, password) }
          : { pem: pair.certificate + (file === 'pem' ? pair.key : keyAs(pair, file, password)) };
      const outcome = await server.upload({ source, password, idempotencyKey: name });
      expect(outcome).toMatchObject({ topic: topicNamed(name) });
      // Asking for the wrong thing must not show it either.
      await server.upload({ source, password, renews: topicNamed('another') });
      await server.upload({ source, password: 'another', renews: topicNamed(name) });
    };
    await upload('clear', 'pem');
    await upload('encrypted', 'encrypted');
    await upload('pkcs12', 'pkcs12');

    const vendor = await issueIdentity(authority, { commonName: 'MDM Vendor', key: 'rsa' });
    secrets.push(vendor.key);
    const key = vendor.key
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: password })
      .toString();
    const account = { email: 'admin@example.com', apiKey: 'an-api-key' };
    const requestIds: string[] = [];
    for (const route of [
      {
        vendor: {
          certificate: certificatePem(vendor.certificate),
          key,
          password,
          chain: [certificatePem(authority.certificate)],
        },
      },
      { mdmcertDownload: account },
    ]) {
      const input = { commonName: 'Example', route, idempotencyKey: JSON.stringify(requestIds) };
      const { createPushCertificateRequest: made } = await server.ask(createRequest, { input });
      if (made.__typename !== 'CreatePushCertificateRequestPayload') throw new Error(made.message);
      requestIds.push(made.requestId);
    }
    await server.ask(list, {});
    await failingToStore(() => upload('unlucky', 'pem'));

    // What was made in the server: its keys open with the keyring, and with that alone.
    const asKey = (der: Buffer) => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const [first = '', second = ''] = requestIds;
    const requests = 'push_certificate_request';
    secrets.push(asKey(await storedKey(requests, 'key', first, 'id')));
    secrets.push(asKey(await storedKey(requests, 'key', second, 'id')));
    secrets.push(asKey(await storedKey(requests, 'encryption_key', second, 'id')));
    const kept = await storedKey('push_certificate', 'key', topicNamed('clear'), 'topic');
    expect(kept.toString()).toContain('PRIVATE KEY');

    const traces = [password, Buffer.from(password).toString('hex'), ...secrets.flatMap(tracesOf)];
    expect(traces.length).toBeGreaterThan(200);
    expect(traces.every((trace) => trace.length > 20)).toBe(true);
    const places = {
      answers: server.answers.join('\n'),
      log: JSON.stringify(server.log),
      database: await wholeDatabase(),
    };
    // The places are the right ones: what is no secret stands in them.
    expect(places.answers).toContain(first);
    expect(places.log).toContain('push_certificate');
    expect(places.database).toContain(second);
    for (const [place, text] of Object.entries(places)) {
      const found = traces.filter((trace) => text.includes(trace));
      expect(`${place}: ${found.length}`).toBe(`${place}: 0`);
    }
  });
});
