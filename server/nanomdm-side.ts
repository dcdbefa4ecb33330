import type { Settings } from './config.ts';
import { isAway } from './device-side.ts';
import type { Handler } from './http/app.ts';
import { behindBasicAuth } from './http/basic-auth.ts';
import { commandRoutes } from './http/nanomdm/commands.ts';
import { escrowKeyUnlockRoute } from './http/nanomdm/escrow-key-unlock.ts';
import { enqueuePrefix, pushPrefix } from './http/nanomdm/ids.ts';
import { migrationRoute } from './http/nanomdm/migration.ts';
import { pushCertificateRoute } from './http/nanomdm/push-certificate.ts';
import { traced } from './http/nanomdm/traced.ts';
import type { MdmContext } from './mdm/context.ts';
import { type EscrowContext, escrowKeyUnlock } from './mdm/escrow/unlock.ts';
import { takeMigratedMessage } from './mdm/migration/take-message.ts';
import { uploadAnyTopic } from './mdm/push-certificates/any-topic.ts';
import { enqueueEach } from './mdm/queue/enqueue-each.ts';
import { StartupError } from './model/errors.ts';
import type { Metrics } from './model/metrics.ts';
import { scopes, type Viewer } from './model/viewer.ts';
import type { PushSide } from './push-side.ts';
import { packageVersion } from './store/package-root.ts';
import { findCertificateTerm } from './store/push-certificates/certificates.ts';

/** What NanoMDM's tools use. */
export interface NanomdmSide {
  readonly routes: ReadonlyMap<string, Handler>;
  /** Each takes every path below its prefix. */
  readonly below: readonly { readonly prefix: string; readonly handle: Handler }[];
}

/** Who the API's callers are: they have one key together, as wide as NanoMDM's. */
export const nanomdmViewer: Viewer = {
  actor: 'nanomdm-api',
  tokenId: null,
  tenant: null,
  scopes: new Set(scopes),
};

/**
 * The key of the NanoMDM-compatible routes; null when none is open.
 * @throws {StartupError} one is to be open, and there is no key
 */
export function nanomdmKey({ nanomdmApi, migration, nanomdmApiKey }: Settings): string | null {
  if (!nanomdmApi && !migration) return null;
  if (nanomdmApiKey === null) {
    const flag = nanomdmApi ? '--nanomdm-api' : '--migration';
    throw new StartupError(`${flag} needs --nanomdm-api-key, which its callers have to show.`);
  }
  return nanomdmApiKey;
}

/** Puts the NanoMDM-compatible API together, when the settings want it. */
export function nanomdmSide(
  ctx: MdmContext & EscrowContext,
  push: PushSide,
  settings: Settings,
  metrics: Metrics,
): NanomdmSide {
  const key = nanomdmKey(settings);
  if (key === null) return { routes: new Map(), below: [] };
  const requests = metrics.counter(
    'graphmdm_nanomdm_api_requests_total',
    'Requests to the NanoMDM-compatible API by route and status',
    ['route', 'status'],
  );
  const open = (route: string, handler: Handler): Handler =>
    traced(behindBasicAuth(key, handler), (status) => requests({ route, status: String(status) }));
  const migration: [string, Handler][] = settings.migration
    ? [
        [
          '/migration',
          open(
            'migration',
            migrationRoute({
              take: (body) => takeMigratedMessage(ctx, nanomdmViewer, body, settings.uaZlDc),
              isUnavailable: isAway,
              log: ctx.log,
            }),
          ),
        ],
      ]
    : [];
  if (!settings.nanomdmApi) return { routes: new Map(migration), below: [] };
  const commands = commandRoutes({
    enqueue: (ids, plist) => enqueueEach(ctx, nanomdmViewer, ids, plist),
    push: (ids, why) => push.now(nanomdmViewer, ids, why),
    bodyLimit: settings.graphqlBodyLimit,
    log: ctx.log,
  });
  const pushCertificate = pushCertificateRoute({
    upload: (pem) => uploadAnyTopic(ctx, nanomdmViewer, pem),
    find: (topic) => findCertificateTerm(ctx.graph, topic),
    log: ctx.log,
  });
  const unlock = escrowKeyUnlockRoute({
    unlock: (topic, device) =>
      escrowKeyUnlock(ctx, nanomdmViewer, { topic, unlock: device, idempotencyKey: null }),
    log: ctx.log,
  });
  const pushHandler = open('push', commands.push);
  const enqueueHandler = open('enqueue', commands.enqueue);
  return {
    routes: new Map([
      ...migration,
      // NanoMDM sends a client to the path with a slash; nobody is there either.
      [pushPrefix.slice(0, -1), pushHandler],
      [enqueuePrefix.slice(0, -1), enqueueHandler],
      ['/v1/pushcert', open('pushcert', pushCertificate)],
      ['/v1/escrowkeyunlock', open('escrowkeyunlock', unlock)],
      [
        '/version',
        (http) => {
          http.type = 'application/json';
          http.body = JSON.stringify({ version: packageVersion() });
        },
      ],
    ]),
    below: [
      { prefix: pushPrefix, handle: pushHandler },
      { prefix: enqueuePrefix, handle: enqueueHandler },
    ],
  };
}
