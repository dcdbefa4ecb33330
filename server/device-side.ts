import type { Context } from 'koa';
import { deviceRoute } from './http/device.ts';
import type { Handler } from './http/app.ts';
import { createKnownCertificates } from './identity/known-certificates.ts';
import { createSignatureVerifier } from './identity/mdm-signature.ts';
import { createTrust } from './identity/trust.ts';
import { takeCheckIn } from './mdm/check-in/take.ts';
import type { MdmContext } from './mdm/context.ts';
import { takeReport } from './mdm/queue/report.ts';
import type { Metrics } from './model/metrics.ts';
import { Refusal } from './model/refusal.ts';
import { readReport } from './protocol/messages/report.ts';
import type { PemBundle, Settings } from './config.ts';
import { isUnavailable } from './store/unavailable.ts';

/** Certificates that stay parsed and judged, about 6 KB each. */
const rememberedCertificates = 20_000;

/** The routes that devices use, by path. */
export function deviceSide(
  ctx: MdmContext,
  settings: Settings,
  metrics: Metrics,
): ReadonlyMap<string, Handler> {
  const identify = identifier(settings, metrics);
  const services = { declarative: null, tokenServices: new Map(), zeroLengthChallenge: false };
  const mdm = deviceRoute({
    clock: ctx.clock,
    log: ctx.log,
    metrics,
    identify,
    takeCheckIn: (arrival) => takeCheckIn(ctx, services, arrival),
    takeReport: (arrival) => takeReport(ctx, readReport(arrival.body), arrival),
    isUnavailable,
  });
  return new Map([['/mdm', mdm]]);
}

function identifier(settings: Settings, metrics: Metrics) {
  const roots = pemsOf(settings.ca);
  if (roots.length === 0) {
    return (): never => {
      throw new Refusal(
        400,
        'no-authority',
        'no device certificate can be trusted: name the authority that issues them with --ca',
      );
    };
  }
  const trust = createTrust({
    roots,
    intermediates: pemsOf(settings.intermediate),
  });
  const certificates = createKnownCertificates({
    trust: () => trust,
    cacheSize: rememberedCertificates,
  });
  const verify = createSignatureVerifier({
    certificates,
    refuseSha1: settings.refuseSha1,
    metrics,
  });
  return (request: Context, body: Buffer, at: Date) =>
    verify(request.get('Mdm-Signature') || undefined, body, at);
}

function pemsOf(bundles: readonly PemBundle[]): string[] {
  return bundles.flatMap((bundle) => bundle.certificates.map((one) => one.toString()));
}
