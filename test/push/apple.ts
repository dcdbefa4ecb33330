import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReceivedPush } from '../../clients/simulator/apns/checks.ts';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { type StandIn, startStandIn } from '../../clients/simulator/apns/stand-in.ts';

/** The stand-in of Apple's service, as tests use it. */
export interface Apple extends StandIn {
  /** Flags for a server that pushes to it. */
  readonly flags: readonly string[];
  /** A new push certificate with its key, PEM in one text. */
  certificate(topic: string): Promise<string>;
  /** Told of each push that is accepted, from now on. */
  onPush(heard: (push: ReceivedPush) => void): void;
  /** Resolves when so many pushes to this device have been accepted in all. */
  pushedTo(device: { readonly pushToken: Buffer }, times?: number): Promise<void>;
  /** Resolves when so many pushes have been accepted in all. */
  pushed(times: number): Promise<void>;
  /** How often a push to this device was accepted. */
  countOf(device: { readonly pushToken: Buffer }): number;
}

export async function startApple(): Promise<Apple> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-apple-'));
  const listeners = new Set<(push: ReceivedPush) => void>();
  const counts = new Map<string, number>();
  let total = 0;
  const standIn = await startStandIn({
    heard(push) {
      total += 1;
      counts.set(push.token, (counts.get(push.token) ?? 0) + 1);
      for (const listener of listeners) listener(push);
    },
  });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, standIn.ca);
  const countOf = ({ pushToken }: { readonly pushToken: Buffer }) =>
    counts.get(pushToken.toString('hex')) ?? 0;

  function until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue()) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
    });
  }

  return {
    ...standIn,
    flags: ['--apns-url', standIn.url.href, '--apns-ca', ca],
    async certificate(topic) {
      const { certificate, key } = await makePushCertificate(standIn.authority, topic);
      return certificate + key;
    },
    onPush: (heard) => void listeners.add(heard),
    pushedTo: (device, times = 1) => until(() => countOf(device) >= times),
    pushed: (times) => until(() => total >= times),
    countOf,
    async close() {
      await standIn.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
