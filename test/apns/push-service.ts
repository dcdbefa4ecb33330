import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { CertifiedKey } from '../../clients/simulator/apns/push-certificates.ts';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import type { StandIn, StandInOptions } from '../../clients/simulator/apns/stand-in.ts';
import { startStandIn } from '../../clients/simulator/apns/stand-in.ts';
import type { Apns, ApnsOptions, Push } from '../../server/apns/client.ts';
import { createApns } from '../../server/apns/client.ts';
import type { PushIdentity } from '../../server/apns/push-identity.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { noMetrics } from '../../server/model/metrics.ts';

export const topic = 'com.apple.mgmt.External.11111111-2222-3333-4444-555555555555';

/** A client and the stand-in it talks to. Both end with the test. */
export interface PushService {
  readonly standIn: StandIn;
  readonly apns: Apns;
  /** The certificate that the client shows; to be replaced at will. */
  identity: PushIdentity | null;
}

/** @param certificate  what the client shows first @default a good one */
export async function pushService(
  options: {
    readonly standIn?: StandInOptions;
    readonly apns?: Partial<ApnsOptions>;
    readonly certificate?: CertifiedKey;
  } = {},
): Promise<PushService> {
  const standIn = await startStandIn(options.standIn);
  const certificate = options.certificate ?? (await makePushCertificate(standIn.authority, topic));
  const apns = createApns({
    url: standIn.url,
    ca: standIn.ca,
    certificateFor: () => Promise.resolve(service.identity),
    clock: systemClock,
    log: silentLog,
    metrics: noMetrics,
    ...options.apns,
  });
  const service: PushService = { standIn, apns, identity: { version: '1', ...certificate } };
  onTestFinished(async () => {
    const stopped = apns.stop();
    standIn.dropAll();
    await stopped;
    await standIn.close();
  });
  return service;
}

/** A push to a device that nobody else has. */
export function aPush(parts: Partial<Push> = {}): Push {
  return { topic, token: randomBytes(32), pushMagic: 'magic', ...parts };
}
