import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Device } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { createSender } from '../../clients/simulator/http.ts';
import { certificatePem, issueIdentity, makeAuthority } from '../../clients/simulator/identity.ts';
import { parseSettings } from '../../server/config.ts';
import { createLog } from '../../server/observe/log.ts';
import { createMetrics } from '../../server/observe/metrics.ts';
import { serve } from '../../server/serve.ts';
import type { TestDatabase } from '../harness/database.ts';
import { adminToken, type TestServer } from '../harness/server.ts';

/**
 * A server without the flags that the harness gives to all, on a database that outlives it.
 * @param options.keys what it seals with, the first, and opens with, all
 * @param options.trusting whether it trusts the authority of its devices @default true
 * @throws {StartupError} the database has values that these keys do not open
 */
export async function startBareServer(
  store: TestDatabase,
  options: { readonly keys: readonly Buffer[]; readonly trusting?: boolean },
): Promise<TestServer> {
  const { keys, trusting = true } = options;
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bare-'));
  const authority = await makeAuthority({ key: 'ec' });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const configured = parseSettings(
    [
      ...['--listen', '127.0.0.1:0', '--database-url', store.url, '--data-dir', folder],
      ...['--admin-token', adminToken, ...(trusting ? ['--ca', ca] : [])],
      ...keys.flatMap((key) => ['--secret-key', key.toString('base64')]),
    ],
    {},
  );
  if (!('settings' in configured)) throw new Error(JSON.stringify(configured));
  const log: Record<string, unknown>[] = [];
  const { settings } = configured;
  const write = (line: string) => log.push(JSON.parse(line));
  const running = await serve({
    settings,
    log: createLog('debug', { write }),
    metrics: createMetrics(),
    terminal: null,
  }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const { port } = running;
  const url = `http://127.0.0.1:${port}`;
  const sender = createSender();
  const proof = { by: 'signature', style: 'apple' } as const;
  return {
    url,
    deviceUrl: `${url}/mdm`,
    port,
    store,
    authority,
    log,
    device: async (number) =>
      new Device({
        address: { serverUrl: new URL('/mdm', url), proof, send: sender.send },
        facts: deviceFacts(number),
        identity: await issueIdentity(authority, { commonName: `device ${number}` }),
      }),
    async stop() {
      sender.close();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
