import type { EnrollSettings } from '../../server/mdm/enroll/enroll-context.ts';

/** What enrolment is set to unless the operator says otherwise. */
export const enrollDefaults: EnrollSettings = {
  publicUrl: null,
  separateCheckIn: false,
  getToken: false,
  organization: 'graphmdm',
  accessRights: 8191,
  scepChallenge: null,
  scepUrl: null,
  trustedRoots: [],
  signer: null,
  refuseSingleDes: false,
  refuseSha1: false,
  certificateDays: 365,
  authorityKeyKind: 'rsa',
};
