import type { Server } from 'node:http';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { createAccess } from './access/access.ts';
import type { OidcSettings } from './access/oidc.ts';
import type { Settings } from './config.ts';
import type { Events } from './events/open.ts';
import { createGraphql } from './graphql/graphql.ts';
import { endpoint } from './graphql/yoga.ts';
import { isAway } from './device-side.ts';
import type { Handler } from './http/app.ts';
import { exportRoute } from './http/exports.ts';
import { uploadRoute } from './http/uploads.ts';
import type { EnrollContext } from './mdm/enroll/enroll-context.ts';
import { type EscrowContext, escrowKeyUnlock } from './mdm/escrow/unlock.ts';
import { checkInPlace, enrollmentPlace } from './mdm/check-in/store-raw.ts';
import { enrollUseCases } from './mdm/enroll/use-cases.ts';
import { enrollmentUseCases } from './mdm/enrollments/use-cases.ts';
import { controlJob } from './mdm/jobs/control.ts';
import { pushEnrollments } from './mdm/push/request.ts';
import { accessUseCases } from './mdm/access/use-cases.ts';
import { pushCertificateUseCases } from './mdm/push-certificates/use-cases.ts';
import { commandBodyPlace, resultPlace } from './mdm/queue/deliver.ts';
import { enqueueCommand } from './mdm/queue/enqueue.ts';
import { fetchExport } from './mdm/export/fetch.ts';
import { exportEnrollments, exportPrefix } from './mdm/export/request.ts';
import { migrateEnrollments } from './mdm/migration/request.ts';
import { queueUseCases } from './mdm/queue/use-cases.ts';
import { createUpload, uploadPrefix } from './mdm/uploads/create.ts';
import { receiveUpload } from './mdm/uploads/receive.ts';
import { unenroll } from './mdm/unenroll/unenroll.ts';
import type { Metrics } from './model/metrics.ts';
import { buildPlist } from './protocol/plist/build.ts';
import { parsePlist } from './protocol/plist/parse.ts';
import type { GraphServices } from '../schema/context.ts';
import { schema } from '../schema/schema.ts';
import { appendSecretReads } from './store/audit.ts';
import { createLists } from './store/read/lists.ts';
import { isUnavailable } from './store/unavailable.ts';

/** What integrators use. */
export interface GraphSide {
  readonly routes: ReadonlyMap<string, Handler>;
  /** Each takes every path below its prefix: files go in and out beside the graph. */
  readonly below: readonly { readonly prefix: string; readonly handle: Handler }[];
  attach(server: Server): void;
  stop(): Promise<void>;
}

/** Puts the graph together: who calls, what they see, what they may do. */
export function graphSide(parts: {
  readonly ctx: EnrollContext & EscrowContext;
  readonly prisma: PrismaClient;
  readonly events: Events;
  readonly settings: Settings;
  readonly metrics: Metrics;
}): GraphSide {
  const { ctx, prisma, events, settings, metrics } = parts;
  const { clock, log, keyring } = ctx;
  const access = createAccess(ctx.graph, { clock, log, oidc: oidcOf(settings) });
  const services: GraphServices = {
    prisma,
    lists: createLists(ctx.graph),
    useCases: {
      enqueueCommand: (viewer, input) => enqueueCommand(ctx, viewer, input),
      escrowKeyUnlock: (viewer, input) => escrowKeyUnlock(ctx, viewer, input),
      unenroll: (viewer, input) => unenroll(ctx, viewer, input),
      pushEnrollments: (viewer, input) => pushEnrollments(ctx, viewer, input),
      controlJob: (viewer, action, input) => controlJob(ctx, viewer, action, input),
      createUpload: (viewer, input) => createUpload(ctx, viewer, input),
      migrateEnrollments: (viewer, input) => migrateEnrollments(ctx, viewer, input),
      ...accessUseCases(ctx),
      exportEnrollments: (viewer, input) => exportEnrollments(ctx, viewer, input),
      ...pushCertificateUseCases(ctx),
      ...enrollUseCases(ctx),
      ...enrollmentUseCases(ctx),
      ...queueUseCases(ctx),
    },
    events,
    now: () => clock.now(),
    setTimer: (ms, run) => clock.setTimer(ms, run),
    open: {
      commandBody: ({ bytes, commandUuid, tenantId, sealed }) =>
        sealed ? keyring.open(commandBodyPlace(tenantId, commandUuid), bytes) : Buffer.from(bytes),
      result: ({ bytes, enrollmentId, commandUuid }) =>
        keyring.open(resultPlace(enrollmentId, commandUuid), bytes),
      checkIn: ({ bytes, id }) => keyring.open(checkInPlace(id), bytes),
      enrollmentToken: ({ bytes, column, enrollmentId }) =>
        keyring.open(enrollmentPlace(column, enrollmentId), bytes),
    },
    audit: {
      secretsRead: appendSecretReads.bind(null, ctx.graph),
    },
    plist: {
      parse: (bytes) => parsePlist(bytes, { allowTrailing: true }),
      build: buildPlist,
    },
  };
  const graphql = createGraphql({
    schema,
    contextOf: (operation) => ({ ...services, ...operation, log }),
    access,
    settings: {
      graphiql: settings.graphiql,
      introspection: settings.introspection,
      bodyLimit: settings.graphqlBodyLimit,
    },
    isUnavailable,
    clock,
    log,
    metrics,
  });
  const handle: Handler = async (http) => {
    http.respond = false;
    await graphql.handle(http.req, http.res);
  };
  const exports = exportRoute({
    access,
    fetch: (viewer, jobId) => fetchExport(ctx, viewer, jobId),
    isUnavailable: isAway,
    log,
  });
  const uploads = uploadRoute({
    access,
    receive: (viewer, id, chunks) => receiveUpload(ctx, viewer, id, chunks),
    isUnavailable: isAway,
    log,
  });
  return {
    routes: settings.disableApi ? new Map() : new Map([[endpoint, handle]]),
    below: settings.disableApi
      ? []
      : [
          { prefix: uploadPrefix, handle: uploads },
          { prefix: exportPrefix, handle: exports },
        ],
    attach(server) {
      if (!settings.disableApi) graphql.attach(server);
    },
    async stop() {
      await graphql.stop();
      await access.stop();
    },
  };
}

/** The three come together, or the server has refused to start. */
function oidcOf({ oidcIssuer, oidcAudience, oidcJwksUrl }: Settings): OidcSettings | null {
  if (oidcIssuer === null || oidcAudience === null || oidcJwksUrl === null) return null;
  return { issuer: oidcIssuer, audience: oidcAudience, jwksUrl: new URL(oidcJwksUrl) };
}
