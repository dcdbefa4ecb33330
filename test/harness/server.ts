import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Authority,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import type { ServerAddress } from '../../clients/simulator/deliver.ts';
import { createSender } from '../../clients/simulator/http.ts';
import { Device, type DeviceOptions } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { parseSettings } from '../../server/config.ts';
import { type Clock, systemClock } from '../../server/model/clock.ts';
import { createLog } from '../../server/observe/log.ts';
import { createMetrics } from '../../server/observe/metrics.ts';
import { serve } from '../../server/serve.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import type { Lane } from './lanes.ts';

/** The token that test servers are given. */
export const adminToken = 'test-admin-token-with-every-scope';

/** By which test servers seal. */
export const testKey = Buffer.alloc(32, 7);

export interface TestServer {
  readonly url: string;
  /** The ServerURL. */
  readonly deviceUrl: string;
  readonly port: number;
  readonly store: TestDatabase;
  readonly authority: Authority;
  /** Every line that was logged, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** A new device with a certificate of the trusted authority; number and facts make it unique. */
  device(number: number, options?: Partial<DeviceOptions>): Promise<Device>;
  /** Stops the server and drops its database. */
  stop(): Promise<void>;
}

export interface TestServerOptions {
  readonly lane?: Lane['name'];
  /** Further flags, as on the command line. */
  readonly flags?: readonly string[];
  /** A database that is there already, for a second server on it. */
  readonly store?: TestDatabase;
  readonly authority?: Authority;
  /** Without `--ca`: devices have their certificates from the server's own authority. */
  readonly ownAuthority?: boolean;
  /** @default a free one */
  readonly port?: number;
  readonly clock?: Clock;
}

/** Starts the whole server in this process, on a port of its own and a database of its own. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-server-'));
  const authority = options.authority ?? (await makeAuthority({ key: 'ec' }));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const store = options.store ?? (await testDatabase(options.lane));
  const configured = parseSettings(
    [
      ...['--listen', `127.0.0.1:${options.port ?? 0}`, '--data-dir', folder],
      ...['--database-url', store.url, '--admin-token', adminToken],
      ...(options.ownAuthority === true ? [] : ['--ca', ca]),
      ...['--secret-key', testKey.toString('base64')],
      ...(options.flags ?? []),
    ],
    {},
  );
  if (!('settings' in configured)) throw new Error(JSON.stringify(configured));
  const lines: Record<string, unknown>[] = [];
  const running = await serve({
    settings: configured.settings,
    log: createLog('debug', { write: (line) => lines.push(JSON.parse(line)) }),
    metrics: createMetrics(),
    terminal: null,
    clock: options.clock ?? systemClock,
  });
  const url = `http://127.0.0.1:${running.port}`;
  const sender = createSender();
  const address: ServerAddress = {
    serverUrl: new URL('/mdm', url),
    proof: { by: 'signature', style: 'apple' },
    send: sender.send,
  };
  return {
    url,
    deviceUrl: `${url}/mdm`,
    port: running.port,
    store,
    authority,
    log: lines,
    async device(number, more = {}) {
      const facts = more.facts ?? deviceFacts(number);
      const identity =
        more.identity ??
        (await issueIdentity(authority, { commonName: `device ${number}`, key: 'ec' }));
      return new Device({ address, ...more, facts, identity });
    },
    async stop() {
      sender.close();
      await running.stop();
      if (options.store === undefined) await store.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
