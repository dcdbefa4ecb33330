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
} from './http/identify.ts';
import { createTokenService } from './http/token-service.ts';
import { createHeaderVerifier } from './identity/cert-header.ts';
import { createKnownCertificates } from './identity/known-certificates.ts';
import { createSignatureVerifier } from './identity/mdm-signature.ts';
import { createTrust } from './identity/trust.ts';
import { type CheckInServices, takeCheckIn } from './mdm/check-in/take.ts';
import type { MdmContext } from './mdm/context.ts';
import { takeReport } from './mdm/queue/report.ts';
import type { Metrics } from './model/metrics.ts';
import { Refusal } from './model/refusal.ts';
import { readReport } from './protocol/messages/report.ts';
import { enrollmentOfCertificate } from './store/check-ins/bindings.ts';
import { isUnavailable, sqlState } from './store/unavailable.ts';

/** Certificates that stay parsed and judged, about 6 KB each. */
const rememberedCertificates = 20_000;

/** Addresses of this machine: the proxies that are believed unless others are named. */
const thisMachine = ['127.0.0.0/8', '::1'];

/** What devices use. */
export interface DeviceSide {
  readonly routes: ReadonlyMap<string, Handler>;
  /** Takes every path below it, or null. */
  readonly authProxy: { readonly prefix: string; readonly handle: Handler } | null;
}

/** Puts the device routes together as the settings say. */
export function deviceSide(ctx: MdmContext, settings: Settings, metrics: Metrics): DeviceSide {
  if (settings.disableMdm) return { routes: new Map(), authProxy: null };
  const { clock, log } = ctx;
  const identify = identifier(settings, metrics);
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
function isAway(error: unknown): boolean {
  return isUnavailable(error) || sqlState(error) === '57014';
}

function identifier(settings: Settings, metrics: Metrics): Identify {
  const roots = pemsOf(settings.ca);
  if (roots.length === 0) {
    return {
      needsBody: false,
      certificate() {
        throw new Refusal(
          400,
          'no-authority',
          'no device certificate can be trusted: name the authority that issues them with --ca',
        );
      },
    };
  }
  const trust = createTrust({ roots, intermediates: pemsOf(settings.intermediate) });
  const certificates = createKnownCertificates({
    trust: () => trust,
    cacheSize: rememberedCertificates,
  });
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

function pemsOf(bundles: readonly PemBundle[]): string[] {
  return bundles.flatMap((bundle) => bundle.certificates.map((one) => one.toString()));
}
