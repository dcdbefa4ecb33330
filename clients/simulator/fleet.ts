import type { ServerAddress } from './deliver.ts';
import { Device } from './device.ts';
import type { DeviceFacts } from './facts.ts';
import { deviceFacts } from './facts.ts';
import type { Authority, Identity, KeyKind } from './identity.ts';
import { issueIdentity } from './identity.ts';
import { inParallel } from './parallel.ts';
import { Tally } from './tally.ts';

export interface FleetOptions {
  readonly size: number;
  /** Where devices have their identities from: an authority at hand, or whatever gives them one. */
  readonly authority: Authority | ((facts: DeviceFacts) => Promise<Identity>);
  readonly address: ServerAddress;
  /** @default 'ec', because thousands of RSA keys take minutes */
  readonly key?: KeyKind;
  /** Number of the first device. @default 0 */
  readonly first?: number;
  /** How many devices talk at once. @default 32 */
  readonly concurrency?: number;
  readonly facts?: Partial<DeviceFacts>;
  /** Told how many devices are made, after each. */
  readonly progress?: (done: number) => void;
}

/** Many devices, of which a bounded number talks at once. */
export interface Fleet {
  readonly devices: readonly Device[];
  readonly tally: Tally;
  /** Runs something for every device. @returns the reasons of those that failed */
  each(run: (device: Device) => Promise<void>): Promise<unknown[]>;
}

/** Makes the devices, each with a key and a certificate of its own. Nothing is sent yet. */
export async function createFleet(options: FleetOptions): Promise<Fleet> {
  const { size, authority, address, key = 'ec', first = 0, concurrency = 32 } = options;
  const identityOf =
    typeof authority === 'function'
      ? authority
      : ({ serialNumber }: DeviceFacts) =>
          issueIdentity(authority, { commonName: serialNumber, key });
  const tally = new Tally();
  const devices: Device[] = [];
  let done = 0;
  const numbers = Array.from({ length: size }, (_, index) => first + index);
  const failures = await inParallel(numbers, concurrency, async (number, index) => {
    const facts = deviceFacts(number, options.facts);
    const identity = await identityOf(facts);
    devices[index] = new Device({ facts, identity, address, heard: tally.heard });
    done += 1;
    options.progress?.(done);
  });
  if (failures.length > 0) throw failures[0];
  return { devices, tally, each: (run) => inParallel(devices, concurrency, run) };
}
