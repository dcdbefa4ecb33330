import type { PemBundle, Settings } from './config.ts';
import { createDump } from './dump.ts';
import { authProxy, authProxyPrefix } from './http/auth-proxy.ts';
import type { Handler } from './http/app.ts';
import { deviceRoute } from './http/device.ts';
import { createDmUpstream } from './http/dm-upstream.ts';
import {
  type Identify,
  identifyByHeader,
  identifyBySignature,
  identifyByTls,
  refusingRevoked,
} from './http/identify.ts';
import { createTokenService } from './http/token-service.ts';
import { createHeaderVerifier } from './identity/cert-header.ts';
import { createKnownCertificates } from './identity/known-certificates.ts';
import { createSignatureVerifier } from './identity/mdm-signature.ts';
import { createTrust, type Trust } from './identity/trust.ts';
import { type CheckInServices, takeCheckIn } from './mdm/check-in/take.ts';
import type { MdmContext } from './mdm/context.ts';
import type { AuthorityWatch } from './mdm/enroll/authority-watch.ts';
import type { EnrollContext } from './mdm/enroll/enroll-context.ts';
import { takeReport } from './mdm/queue/report.ts';
import type { Metrics } from './model/metrics.ts';
import type { Generation } from './pki/authority.ts';
import { writePem } from './pki/pem-blocks.ts';
import { readReport } from './protocol/messages/report.ts';
import { enrollmentOfCertificate } from './store/check-ins/bindings.ts';
import { isUnavailable, sqlState } from './store/unavailable.ts';

/** Certificates that stay parsed, about 6 KB each, and of how many it is known that they were trusted. */
const rememberedCertificates = { cacheSize: 20_000, verdicts: 200_000 };

/** Addresses of this machine: the proxies that are believed unless others are named. */
const thisMachine = ['127.0.0.0/8', '::1'];

/** What devices use. */
export interface DeviceSide {
  readonly routes: ReadonlyMap<string, Handler>;
  /** Takes every path below it, or null. */
  readonly authProxy: { readonly prefix: string; readonly handle: Handler } | null;
}

/** Puts the device routes together as the settings say. */
export function deviceSide(ctx: EnrollContext, settings: Settings, metrics: Metrics): DeviceSide {
  if (settings.disableMdm) return { routes: new Map(), authProxy: null };
  const { clock, log } = ctx;
  const identify = identifier(settings, ctx.authority, metrics);
  const services = checkInServices(ctx, settings);
  const route = (takes: 'both' | 'check-ins' | 'reports') =>
    deviceRoute({
      clock,
      log,
      metrics,
      identify,
      takes,
      dump: settings.dump ? createDump(log) : null,
      takeCheckIn: (arrival) => takeCheckIn(ctx, services, arrival),
      takeReport: (arrival) => takeReport(ctx, readReport(arrival.body), arrival),
      isUnavailable: isAway,
    });
  return {
    routes: settings.checkin
      ? new Map([
          ['/mdm', route('reports')],
          ['/checkin', route('check-ins')],
        ])
      : new Map([['/mdm', route('both')]]),
    authProxy:
      settings.authProxyUrl === null
        ? null
        : {
            prefix: authProxyPrefix,
            handle: authProxy({
              target: settings.authProxyUrl,
              identify,
              enrollmentOf: (certificate) => enrollmentOfCertificate(ctx.hot, certificate.sha256),
              isUnavailable: isAway,
              clock,
              log,
            }),
          },
  };
}

function checkInServices(ctx: MdmContext, settings: Settings): CheckInServices {
  const { log } = ctx;
  return {
    declarative:
      settings.dm === null
        ? null
        : createDmUpstream({
            base: settings.dm,
            sendHmacKey: settings.dmSendHmacKey,
            receiveHmacKey: settings.dmRecvHmacKey,
            log,
          }),
    tokenServices: new Map(
      settings.getTokenUrl.map(({ tokenServiceType, url }) => [
        tokenServiceType,
        createTokenService(url, log),
      ]),
    ),
    zeroLengthChallenge: settings.uaZlDc,
  };
}

/** A statement that ran into its time-out (57014) says the same to a device: come again later. */
export function isAway(error: unknown): boolean {
  return isUnavailable(error) || sqlState(error) === '57014';
}

function identifier(
  settings: Settings,
  authority: AuthorityWatch | null,
  metrics: Metrics,
): Identify {
  const identify = provenBy(settings, metrics, trustOf(settings, authority));
  return authority === null
    ? identify
    : refusingRevoked(identify, (sha256) => authority.isRevoked(sha256));
}

function provenBy(settings: Settings, metrics: Metrics, trust: () => Trust): Identify {
  const certificates = createKnownCertificates({ trust, ...rememberedCertificates });
  if (settings.certHeader !== null) {
    const proxies = settings.trustedProxies.length === 0 ? thisMachine : settings.trustedProxies;
    return identifyByHeader(settings.certHeader, proxies, createHeaderVerifier({ certificates }));
  }
  const { refuseSha1 } = settings;
  const bySignature = identifyBySignature(
    createSignatureVerifier({ certificates, refuseSha1, metrics }),
  );
  if (!settings.tlsClientAuth) return bySignature;
  return identifyByTls((der, at) => certificates.trusted(der, [], at).verified, bySignature);
}

/** The authorities of the settings and the server's own; made anew when there is a new generation. */
function trustOf(settings: Settings, authority: AuthorityWatch | null): () => Trust {
  const roots = pemsOf(settings.ca);
  const intermediates = pemsOf(settings.intermediate);
  let generations: readonly Generation[] = [];
  let trust = createTrust({ roots, intermediates });
  return () => {
    const now = authority?.generations() ?? generations;
    if (now !== generations) {
      generations = now;
      const own = now.map(({ certificate }) => writePem('CERTIFICATE', certificate.der));
      trust = createTrust({ roots: [...roots, ...own], intermediates });
    }
    return trust;
  };
}

function pemsOf(bundles: readonly PemBundle[]): string[] {
  return bundles.flatMap((bundle) => bundle.certificates.map((one) => one.toString()));
}
