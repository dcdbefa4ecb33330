import type { Settings } from './config.ts';
import { deviceSide } from './device-side.ts';
import { enrollSettings, enrollSide, renewalSettings, wantedAuthority } from './enroll-side.ts';
import { localWakeUps } from './events/wake-ups-local.ts';
import { redisWakeUps } from './events/wake-ups-redis.ts';
import { openEvents } from './events/open.ts';
import { ensureFirstToken } from './access/first-token.ts';
import { graphSide } from './graph-side.ts';
import { createApp } from './http/app.ts';
import { discoveryRoutes } from './http/discovery.ts';
import { livez, readyz } from './http/health.ts';
import { listen } from './http/listen.ts';
import type { TlsFiles } from './http/tls.ts';
import { startRecurring } from './jobs/every.ts';
import { ensureDeviceAuthority } from './mdm/enroll/ensure-authority.ts';
import { createHandOver } from './mdm/inventory/hand-over.ts';
import { createLastSeen, type LastSeen } from './mdm/last-seen.ts';
import type { MdmContext } from './mdm/context.ts';
import { createExpiryWatch, expiryEvery } from './mdm/push-certificates/expiry.ts';
import { createFirstSent } from './mdm/queue/first-sent.ts';
import { endExpiredCommands } from './mdm/queue/expiry.ts';
import { renewalEvery, renewCertificates } from './mdm/renewal/renew.ts';
import { sweep } from './mdm/retention/sweep.ts';
import { type Clock, systemClock } from './model/clock.ts';
import { StartupError } from './model/errors.ts';
import type { Log } from './model/log.ts';
import { inventorySide } from './inventory-side.ts';
import { migrationJobs } from './migration-side.ts';
import { nanomdmKey, nanomdmSide } from './nanomdm-side.ts';
import type { PrometheusMetrics } from './observe/metrics.ts';
import { projectionSide } from './projection-side.ts';
import { escrowRoute, pushSide } from './push-side.ts';
import { openPrisma } from './prisma.ts';
import type { Keyring } from './secrets/keyring.ts';
import { type Stop, shutDown } from './shutdown.ts';
import { openHotPath } from './store/hot/hot-path.ts';
import { ensureKeyring } from './store/keyring-check.ts';
import { writeIdleEvents } from './store/idle-events.ts';
import { writeLastSeen } from './store/last-seen.ts';
import { isMigrated, migrate } from './store/migrate.ts';
import { openDatabase, unhurried } from './store/open.ts';
import { migrationsFolder } from './store/package-root.ts';
import { makeSearchIndex, searchIndexEvery } from './store/search-index.ts';
import type { WorkerLink } from './worker-link.ts';
import { writeFirstSent } from './store/queue/sent.ts';

/** What has been started, in the order in which it stops: what others still use comes after them. */
const stopOrder = [
  'graph',
  'http',
  'jobs',
  'push',
  'enrolment',
  'projections',
  'decoder',
  'events',
  'last seen',
  'first sent',
  'idle events',
  'wake-ups',
  'database',
] as const;

/** One of them. */
type Started = Stop & { readonly name: (typeof stopOrder)[number] };

/** A server that runs. */
export interface Running {
  readonly port: number;
  /** Base of its URLs, from this machine. */
  readonly url: string;
  /** Drains and stops everything; the database comes last. */
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: PrometheusMetrics;
  /** Where a first token is told; null when nobody looks at a terminal. */
  readonly terminal: ((text: string) => void) | null;
  readonly clock?: Clock;
  /** Other workers answer on the port already: it is taken only when this one can answer too. @default false */
  readonly late?: boolean;
  /** The line to the other workers of this program; null: it is the only process. */
  readonly link?: WorkerLink | null;
}

/**
 * Starts the server: takes the port, opens and migrates the database, checks the keys, then answers.
 * @throws {StartupError} what the operator has to mend; everything that was opened is closed again
 */
export async function serve(options: ServeOptions): Promise<Running> {
  const { settings, log, late = false } = options;
  refuseContradictions(settings);
  const { host, port } = settings.listen;
  const tls = tlsFiles(settings);
  const listener = await listen({ host, port, tls, late, longUrls: settings.nanomdmApi, log });
  const stops: Started[] = [{ name: 'http', timeout: 12_000, stop: () => listener.close(10_000) }];
  try {
    return await open(options, listener, stops);
  } catch (error) {
    await shutDown(inOrder(stops), log);
    throw error;
  }
}

function refuseContradictions(settings: Settings): void {
  const { eventRetention, resultRetention, historyRetention } = settings;
  // A finished command's target goes together with its result.
  for (const [flag, kept] of [
    ['--result-retention', resultRetention],
    ['--history-retention', historyRetention],
  ] as const) {
    if (kept === null || (eventRetention !== null && eventRetention <= kept)) continue;
    throw new StartupError(
      `--event-retention must not be longer than ${flag}: events link to results.`,
    );
  }
  const oidc = [settings.oidcIssuer, settings.oidcAudience, settings.oidcJwksUrl];
  if (oidc.some((part) => part === null) && oidc.some((part) => part !== null)) {
    throw new StartupError(
      '--oidc-issuer, --oidc-audience and --oidc-jwks-url are given together, or none of them.',
    );
  }
  const key = nanomdmKey(settings);
  if (settings.disableMdm && settings.disableApi && key === null) {
    throw new StartupError('--disable-mdm and --disable-api together leave nothing to serve.');
  }
}

/** A server that serves no devices has none to refer elsewhere either. */
function discovery(settings: Settings): ReturnType<typeof discoveryRoutes> {
  if (settings.disableMdm) return new Map();
  const { accountDrivenByodUrl: byod, accountDrivenAddeUrl: adde } = settings;
  return discoveryRoutes({ byod, adde });
}

function tlsFiles({ tlsCert, tlsKey, tlsClientAuth }: Settings): TlsFiles | null {
  if (tlsCert !== null && tlsKey !== null) {
    return { cert: tlsCert, key: tlsKey, clientAuth: tlsClientAuth };
  }
  if (tlsCert !== null || tlsKey !== null || tlsClientAuth) {
    throw new StartupError('TLS needs both --tls-cert and --tls-key.');
  }
  return null;
}

async function open(
  { settings, log, metrics, terminal, clock = systemClock, link = null }: ServeOptions,
  listener: Awaited<ReturnType<typeof listen>>,
  stops: Started[],
): Promise<Running> {
  const { dataDir, databaseUrl } = settings;
  const authority = wantedAuthority(settings);
  const enroll = enrollSettings(settings);
  const database = await openDatabase({ databaseUrl, dataDir, log, metrics });
  stops.push({ name: 'database', timeout: 30_000, stop: () => database.close() });

  let keyring: Keyring | undefined;
  await unhurried(database, (pool) =>
    migrate(pool, migrationsFolder(), {
      log,
      after: async (client) => {
        keyring = await ensureKeyring(client, { keys: settings.secretKey, dataDir, log });
        await ensureFirstToken(client, settings.adminToken, { dataDir, terminal, log });
        await ensureDeviceAuthority(client, keyring, authority, { now: clock.now(), log });
      },
    }),
  );
  if (keyring === undefined) throw new Error('migrate did not run its last step');

  const wakeUps =
    settings.redisUrl === null
      ? (link?.wakeUps ?? localWakeUps())
      : redisWakeUps({
          url: settings.redisUrl,
          prefix: `${settings.redisPrefix}:`,
          clock,
          log,
          metrics,
        });
  stops.unshift({ name: 'wake-ups', timeout: 3_000, stop: () => wakeUps.close() });

  const events = openEvents({ pool: database.graph, wakeUps, clock, log, metrics });
  const lastSeen = createLastSeen({
    clock,
    log,
    flush: (seen) => writeLastSeen(database.graph, seen),
  });
  metrics.gauge(
    'graphmdm_last_seen_waiting',
    'Enrolments whose last-seen time is not written yet',
    () => lastSeen.waiting,
  );
  stops.unshift({ name: 'last seen', timeout: 10_000, stop: () => lastSeen.stop() });
  const firstSent = createFirstSent({
    clock,
    log,
    flush: (sent) => writeFirstSent(database.graph, sent),
  });
  stops.unshift({ name: 'first sent', timeout: 10_000, stop: () => firstSent.stop() });

  const { idleEvents: idleEvery } = settings;
  const polls: Pick<LastSeen, 'heard' | 'stop'> =
    idleEvery === null
      ? { heard() {}, async stop() {} }
      : createLastSeen({
          clock,
          log,
          flush: async (polled) => {
            const told = await writeIdleEvents(database.graph, polled, idleEvery);
            if (told > 0) events.committed();
          },
        });
  stops.unshift({ name: 'idle events', timeout: 10_000, stop: () => polls.stop() });

  let kickJobs = (): void => {};
  const mdm: MdmContext = {
    hot: database.hot,
    hotPath: openHotPath(database.hot),
    graph: database.graph,
    keyring,
    clock,
    log,
    lastSeen,
    polls,
    firstSent,
    handOver: createHandOver({ clock }),
    retro: settings.retro,
    committed: () => events.committed(),
    kickJobs: () => kickJobs(),
    currentCursor: () => events.currentCursor(),
  };
  const enrolment = await enrollSide(mdm, settings, enroll, metrics);
  const { ctx } = enrolment;
  stops.unshift({ name: 'enrolment', timeout: 5_000, stop: () => enrolment.stop() });
  const inventory = inventorySide(ctx);
  stops.unshift({ name: 'decoder', timeout: 5_000, stop: () => inventory.decoder.stop() });
  const jobs = new Map([...migrationJobs(ctx), ...inventory.jobs]);
  const push = pushSide(ctx, settings, metrics, jobs);
  kickJobs = push.kick;
  stops.unshift({ name: 'push', timeout: 15_000, stop: () => push.stop() });
  const projector = await projectionSide(ctx, inventory.decoder, wakeUps, metrics);
  stops.unshift({ name: 'projections', timeout: 10_000, stop: () => projector.stop() });
  const prisma = openPrisma(database.graph);
  const withEscrow = { ...ctx, escrow: escrowRoute(settings) };
  const graph = graphSide({ ctx: withEscrow, prisma, events, settings, metrics });
  const retention = {
    events: inSeconds(settings.eventRetention),
    history: inSeconds(settings.historyRetention),
    results: inSeconds(settings.resultRetention),
  };
  const stopTasks = startRecurring(
    database.graph,
    [
      {
        name: 'retention',
        every: 600,
        run: (signal) => sweep(database.graph, retention, signal),
      },
      ...push.tasks,
      {
        name: 'push certificate expiry',
        every: expiryEvery,
        run: createExpiryWatch(ctx, metrics),
      },
      { name: 'expiry', every: 15, run: (signal) => endExpiredCommands(ctx, signal) },
      {
        name: 'renewal',
        every: renewalEvery,
        run: (signal) => renewCertificates(ctx, renewalSettings(settings), signal),
      },
      {
        name: 'search index',
        every: searchIndexEvery,
        atOnce: true,
        run: (signal) => makeSearchIndex(database, log, signal),
      },
    ],
    { clock, log },
  );

  let stopping = false;
  const devices = deviceSide(ctx, settings, metrics);
  const nanomdm = nanomdmSide(withEscrow, push, settings, metrics);
  const app = createApp(
    new Map([
      ...devices.routes,
      ...enrolment.routes,
      ...graph.routes,
      ...nanomdm.routes,
      ...discovery(settings),
      ['/livez', livez],
      [
        '/readyz',
        readyz([
          { name: 'running', required: true, ready: async () => !stopping },
          {
            name: 'database',
            required: true,
            ready: async () => (await database.graph.query('select 1')).rowCount === 1,
          },
          {
            name: 'migrations',
            required: true,
            ready: () => isMigrated(database.graph, migrationsFolder()),
          },
        ]),
      ],
      [
        '/metrics',
        async (http) => {
          http.type = metrics.contentType;
          http.body = await (link?.metricsText() ?? metrics.text());
        },
      ],
    ]),
    log,
    async (http) => {
      const below = [devices.authProxy, enrolment.pages, ...graph.below, ...nanomdm.below].find(
        (each) => each !== null && http.path.startsWith(each.prefix),
      );
      await below?.handle(http);
      return below !== undefined;
    },
  );
  graph.attach(listener.server);
  stops.unshift(
    { name: 'jobs', timeout: 10_000, stop: stopTasks },
    { name: 'events', timeout: 5_000, stop: () => events.stop() },
    // Subscribers are told to come back before the listener waits for the last requests to end.
    { name: 'graph', timeout: 5_000, stop: () => graph.stop() },
  );
  const { port } = await listener.serve(app.callback());
  return {
    port,
    url: `${settings.tlsCert === null ? 'http' : 'https'}://localhost:${port}`,
    async stop() {
      stopping = true;
      await shutDown(inOrder(stops), log);
    },
  };
}

function inOrder(stops: readonly Started[]): Started[] {
  return stops.toSorted((a, b) => stopOrder.indexOf(a.name) - stopOrder.indexOf(b.name));
}

function inSeconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1_000;
}
