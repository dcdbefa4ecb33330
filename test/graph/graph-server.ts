import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PoolClient } from 'pg';
import { Pool } from 'pg';
import { schema } from '../../schema/schema.ts';
import type { GraphContext } from '../../schema/context.ts';
import { createAccess } from '../../server/access/access.ts';
import { createToken } from '../../server/access/tokens.ts';
import { type Events, openEvents } from '../../server/events/open.ts';
import { localWakeUps } from '../../server/events/wake-ups-local.ts';
import { createGraphql } from '../../server/graphql/graphql.ts';
import { isUnavailable } from '../../server/store/unavailable.ts';
import type { GraphqlSettings } from '../../server/graphql/settings.ts';
import { checkInPlace, enrollmentPlace } from '../../server/mdm/check-in/store-raw.ts';
import { controlJob } from '../../server/mdm/jobs/control.ts';
import { pushEnrollments } from '../../server/mdm/push/request.ts';
import { resultPlace, commandBodyPlace } from '../../server/mdm/queue/deliver.ts';
import { enqueueCommand } from '../../server/mdm/queue/enqueue.ts';
import { queueUseCases } from '../../server/mdm/queue/use-cases.ts';
import type { MdmContext } from '../../server/mdm/context.ts';
import { escrowKeyUnlock } from '../../server/mdm/escrow/unlock.ts';
import { accessUseCases } from '../../server/mdm/access/use-cases.ts';
import { pushCertificateUseCases } from '../../server/mdm/push-certificates/use-cases.ts';
import { enrollUseCases } from '../../server/mdm/enroll/use-cases.ts';
import { enrollmentUseCases } from '../../server/mdm/enrollments/use-cases.ts';
import { exportEnrollments } from '../../server/mdm/export/request.ts';
import { migrateEnrollments } from '../../server/mdm/migration/request.ts';
import { createUpload } from '../../server/mdm/uploads/create.ts';
import { unenroll } from '../../server/mdm/unenroll/unenroll.ts';
import { type Clock, systemClock } from '../../server/model/clock.ts';
import { type Log, silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';
import { type Scope, type TenantId, scopes } from '../../server/model/viewer.ts';
import { openPrisma } from '../../server/prisma.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { type Keyring, createKeyring } from '../../server/secrets/keyring.ts';
import { openHotPath } from '../../server/store/hot/hot-path.ts';
import { appendSecretReads } from '../../server/store/audit.ts';
import { createLists } from '../../server/store/read/lists.ts';
import { insertToken } from '../../server/store/tokens.ts';
import { enrollDefaults } from '../build/enroll-settings.ts';
import { testDatabase } from '../harness/database.ts';

/** The graph's rooms on a database and a port of their own, without the device side. */
export interface GraphServer {
  readonly url: string;
  readonly wsUrl: string;
  /** For setting rows up; what it runs is not counted. */
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly events: Events;
  /** What was logged as an error. */
  readonly errors: readonly Readonly<Record<string, unknown>>[];
  /** Statements that the graph has run, since the test last emptied it. */
  readonly statements: string[];
  /** CommandUUIDs of the bodies that were opened, since the test last emptied it. */
  readonly bodies: string[];
  /** Bytes that were decoded as property lists, since the test last emptied it. */
  readonly decoded: Uint8Array[];
  /** A token with these scopes (all of them unless said). */
  token(options?: {
    readonly scopes?: readonly Scope[];
    readonly tenant?: TenantId | null;
    readonly expiresAt?: Date;
  }): Promise<{ readonly id: string; readonly token: string }>;
  stop(): Promise<void>;
}

/** @param socketClock  times how long sockets are waited for */
export async function startGraph(
  settings: Partial<GraphqlSettings> = {},
  socketClock: Clock = systemClock,
): Promise<GraphServer> {
  const store = await testDatabase();
  const { graph: pool } = store.database;
  const statements: string[] = [];
  const bodies: string[] = [];
  const decoded: Uint8Array[] = [];
  const counted = new Pool({ connectionString: store.url });
  counted.on('connect', (client) => record(client, statements));

  const errors: Record<string, unknown>[] = [];
  const log: Log = {
    ...silentLog,
    error: (fields, message) => void errors.push({ ...fields, message }),
    child: () => log,
  };
  const clock = systemClock;
  const metrics = noMetrics;
  const events = openEvents({ pool, wakeUps: localWakeUps(), clock, log, metrics });
  const keyring = createKeyring([Buffer.alloc(32, 7)]);
  const access = createAccess(pool, { clock, log });
  const mdm: MdmContext = {
    hot: pool,
    hotPath: openHotPath(pool),
    graph: pool,
    keyring,
    clock,
    log,
    polls: { heard() {} },
    lastSeen: { heard() {}, async flush() {}, async stop() {}, waiting: 0 },
    firstSent: {
      handed() {},
      noted: () => null,
      written() {},
      async flush() {},
      async stop() {},
    },
    handOver: { give() {}, take: () => null },
    retro: false,
    kickJobs() {},
    committed: () => events.committed(),
    currentCursor: () => events.currentCursor(),
  };
  const services = {
    prisma: openPrisma(counted),
    lists: createLists(counted),
    events,
    now: () => clock.now(),
    setTimer: (ms, run) => clock.setTimer(ms, run),
    plist: {
      parse: (bytes) => {
        decoded.push(bytes);
        return parsePlist(bytes);
      },
      build: buildPlist,
    },
    useCases: {
      enqueueCommand: enqueueCommand.bind(null, mdm),
      escrowKeyUnlock: escrowKeyUnlock.bind(null, {
        ...mdm,
        escrow: { url: new URL('https://localhost:1/') },
      }),
      unenroll: unenroll.bind(null, mdm),
      createUpload: createUpload.bind(null, mdm),
      migrateEnrollments: migrateEnrollments.bind(null, mdm),
      exportEnrollments: exportEnrollments.bind(null, mdm),
      pushEnrollments: pushEnrollments.bind(null, mdm),
      controlJob: controlJob.bind(null, mdm),
      ...accessUseCases(mdm),
      ...pushCertificateUseCases(mdm),
      ...enrollmentUseCases(mdm),
      ...queueUseCases(mdm),
      ...enrollUseCases({ ...mdm, authority: null, enroll: enrollDefaults }),
    },
    open: {
      commandBody({ bytes, sealed, tenantId, commandUuid }) {
        bodies.push(commandUuid);
        if (!sealed) return Buffer.from(bytes);
        return keyring.open(commandBodyPlace(tenantId, commandUuid), bytes);
      },
      result: ({ bytes, enrollmentId, commandUuid }) =>
        keyring.open(resultPlace(enrollmentId, commandUuid), bytes),
      checkIn: ({ bytes, id }) => keyring.open(checkInPlace(id), bytes),
      enrollmentToken: ({ bytes, column, enrollmentId }) =>
        keyring.open(enrollmentPlace(column, enrollmentId), bytes),
    },
    audit: {
      secretsRead: appendSecretReads.bind(null, counted),
    },
  } satisfies Partial<GraphContext>;
  const graphql = createGraphql<GraphContext>({
    schema,
    contextOf: (operation) => ({ ...services, ...operation, log }),
    access,
    settings: { graphiql: true, introspection: true, bodyLimit: 1024 * 1024, ...settings },
    isUnavailable,
    clock: socketClock,
    log,
    metrics,
  });
  const server = createServer((request, response) => void graphql.handle(request, response));
  graphql.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/graphql`,
    wsUrl: `ws://127.0.0.1:${port}/graphql`,
    pool,
    keyring,
    events,
    errors,
    statements,
    bodies,
    decoded,
    token: ({ scopes: wanted = scopes, tenant = 1, expiresAt = null as Date | null } = {}) =>
      createToken((token) => insertToken(pool, token), {
        name: `test ${wanted.join(' ')}`,
        scopes: wanted,
        tenant,
        expiresAt,
      }),
    async stop() {
      await graphql.stop();
      await events.stop();
      await access.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await counted.end();
      await store.drop();
    },
  };
}

/** Notes the text of every statement that goes to the database. */
function record(client: PoolClient, statements: string[]): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  Object.defineProperty(client, 'query', {
    value: (...args: unknown[]) => {
      const [first] = args;
      statements.push(typeof first === 'string' ? first : String(Object(first).text));
      return query(...args);
    },
  });
}
