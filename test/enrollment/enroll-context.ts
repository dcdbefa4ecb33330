import { watchAuthority } from '../../server/mdm/enroll/authority-watch.ts';
import type { EnrollContext } from '../../server/mdm/enroll/enroll-context.ts';
import { systemClock } from '../../server/model/clock.ts';
import { silentLog } from '../../server/model/log.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { openHotPath } from '../../server/store/hot/hot-path.ts';
import { enrollDefaults } from '../build/enroll-settings.ts';
import type { EnrollServer } from './enroll-server.ts';

/**
 * What the use cases of a test server's process work with, for those that only jobs call. To be stopped
 * by its `authority`.
 */
export async function enrollContext(server: EnrollServer): Promise<EnrollContext> {
  const { hot, graph } = server.store.database;
  const keyring = createKeyring([Buffer.alloc(32, 7)]);
  const authority = await watchAuthority(graph, keyring, { clock: systemClock, log: silentLog });
  return {
    hot,
    hotPath: openHotPath(hot),
    graph,
    keyring,
    clock: systemClock,
    log: silentLog,
    polls: { heard() {} },
    lastSeen: { heard() {}, async flush() {}, async stop() {}, waiting: 0 },
    handOver: { give() {}, take: () => null },
    firstSent: {
      handed() {},
      noted: () => null,
      written() {},
      async flush() {},
      async stop() {},
    },
    retro: false,
    committed() {},
    kickJobs() {},
    currentCursor: async () => '',
    authority,
    enroll: { ...enrollDefaults, publicUrl: server.url },
  };
}
