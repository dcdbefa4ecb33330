import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
import { isPlistDict, PlistError } from '../../server/protocol/plist/value.ts';

const shown = [
  'PayloadIdentifier',
  'PayloadUUID',
  'PayloadVersion',
  'PayloadDisplayName',
  'PayloadDescription',
  'PayloadOrganization',
  'PayloadRemovalDisallowed',
] as const;

/** The profiles on a simulated device, by their identifiers. */
export class Profiles {
  readonly #byIdentifier = new Map<string, PlistDict>();

  /**
   * Installs a profile, or updates the one with the same identifier. A signed one is kept under a
   * made-up identifier: the simulator does not look inside.
   * @returns false when it is no profile at all
   */
  install(payload: PlistValue | undefined): boolean {
    if (!(payload instanceof Uint8Array)) return false;
    const bytes = Buffer.from(payload);
    const profile = bytes[0] === 0x30 ? signed(this.#byIdentifier.size) : readProfile(bytes);
    const identifier = profile?.['PayloadIdentifier'];
    if (profile === null || typeof identifier !== 'string') return false;
    this.#byIdentifier.set(identifier, profile);
    return true;
  }

  /** @returns false when there is no such profile */
  remove(identifier: PlistValue | undefined): boolean {
    return typeof identifier === 'string' && this.#byIdentifier.delete(identifier);
  }

  /** Forgets all, as an erase does. */
  clear(): void {
    this.#byIdentifier.clear();
  }

  /** The installed profiles as ProfileList shows them. */
  list(): readonly PlistDict[] {
    return [...this.#byIdentifier.values()].map((profile) => {
      const entries = shown.flatMap((key): [string, PlistValue][] => {
        const value = profile[key];
        return value === undefined ? [] : [[key, value]];
      });
      return { ...Object.fromEntries(entries), IsManaged: true };
    });
  }
}

function signed(number: number): PlistDict {
  return { PayloadIdentifier: `signed.${number}`, PayloadUUID: `signed-${number}` };
}

function readProfile(bytes: Buffer): PlistDict | null {
  try {
    const root = parsePlist(bytes);
    return isPlistDict(root) ? root : null;
  } catch (error) {
    if (error instanceof PlistError) return null;
    throw error;
  }
}
