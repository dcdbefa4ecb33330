import type { PushIdentity } from '../../apns/push-identity.ts';
import type { Log } from '../../model/log.ts';
import type { PushIdentities } from './push-context.ts';

interface Known {
  version: number;
  loaded: { readonly version: number; readonly identity: Promise<PushIdentity | null> } | null;
}

/**
 * The certificates that this process pushes with. Every claim of enrolments reads the versions anew, so
 * a certificate that was replaced through another process is used by the next push here.
 * @param load reads and opens a topic's certificate
 * @param stop notes in the database that Apple refuses this version of it
 */
export function createPushIdentities(
  load: (topic: string) => Promise<PushIdentity | null>,
  stop: (topic: string, version: number, reason: string) => Promise<void>,
  log: Log,
): PushIdentities & { readonly of: (topic: string) => Promise<PushIdentity | null> } {
  const topics = new Map<string, Known>();
  const refusedVersions = new Set<string>();

  function known(topic: string): Known {
    const one = topics.get(topic) ?? { version: 0, loaded: null };
    topics.set(topic, one);
    return one;
  }

  return {
    seen(topic, version) {
      const one = known(topic);
      one.version = Math.max(one.version, version);
    },
    of(topic) {
      const one = known(topic);
      if (one.loaded?.version !== one.version) {
        const identity = load(topic);
        one.loaded = { version: one.version, identity };
        // What could not be read is asked for again by the next push.
        identity.catch(() => {
          one.loaded = null;
        });
      }
      return one.loaded?.identity ?? load(topic);
    },
    refused(topic, version, reason) {
      const once = `${topic} ${version}`;
      if (refusedVersions.has(once)) return;
      refusedVersions.add(once);
      stop(topic, version, reason).catch((error: unknown) => {
        refusedVersions.delete(once);
        log.error({ err: error, topic }, 'that Apple refuses a certificate could not be stored');
      });
    },
  };
}
