import { ConflictError } from '../../model/errors.ts';
import type { ProfileSigner } from '../../pki/sign-profile.ts';
import type { MdmContext } from '../context.ts';
import type { AuthorityWatch } from './authority-watch.ts';

/** What the operator decided about enrolment. */
export interface EnrollSettings {
  /** Base of what devices are told, without a slash at its end; null: it is not known. */
  readonly publicUrl: string | null;
  /** Whether check-ins have an address of their own. */
  readonly separateCheckIn: boolean;
  /** Whether a handler answers GetToken. */
  readonly getToken: boolean;
  readonly organization: string;
  /** `AccessRights` of an MDM payload. */
  readonly accessRights: number;
  /** The challenge that is good for everybody, at any time; a secret. */
  readonly scepChallenge: string | null;
  /** A SCEP server that profiles name instead of ours. */
  readonly scepUrl: URL | null;
  /** Roots that profiles have devices trust, DER. */
  readonly trustedRoots: readonly Buffer[];
  /** Who signs profiles; null: nobody. */
  readonly signer: ProfileSigner | null;
  readonly refuseSingleDes: boolean;
  readonly refuseSha1: boolean;
  /** Days that a device's certificate lasts. */
  readonly certificateDays: number;
  readonly authorityKeyKind: 'rsa' | 'ec';
}

/** What the use cases of enrolment work with, beside what all have. */
export interface EnrollContext extends MdmContext {
  /** Null: there is no device authority here, because others are trusted instead. */
  readonly authority: AuthorityWatch | null;
  readonly enroll: EnrollSettings;
}

/** @throws {ConflictError} there is no device authority */
export function demandAuthority({ authority }: EnrollContext): AuthorityWatch {
  if (authority !== null) return authority;
  throw new ConflictError(
    'NO_DEVICE_AUTHORITY',
    'This server trusts the authorities of --ca only and has none of its own. Start it with ' +
      '--device-ca to have both.',
  );
}
