import type { Viewer } from '../../model/viewer.ts';
import {
  type ChangeAuthorityAnswer,
  type ImportAuthorityInput,
  importDeviceAuthority,
  type RenewAuthorityInput,
  renewDeviceAuthority,
} from './change-authority.ts';
import {
  type RecordProfileAnswer,
  type RecordProfileInput,
  recordEnrollmentProfile,
} from '../renewal/record-profile.ts';
import type { EnrollContext } from './enroll-context.ts';
import {
  type CreateInvitationAnswer,
  type CreateInvitationInput,
  createEnrollmentInvitation,
  type RevokeInvitationAnswer,
  type RevokeInvitationInput,
  revokeEnrollmentInvitation,
} from './invitations.ts';
import { type AskedProfile, askEnrollmentProfile, type AskProfileInput } from './ask-profile.ts';
import {
  type RevokeCertificateAnswer,
  type RevokeCertificateInput,
  revokeIssuedCertificate,
} from './revoke-certificate.ts';

/** What the graph does with enrolment. */
export interface EnrollUseCases {
  createEnrollmentInvitation(
    viewer: Viewer,
    input: CreateInvitationInput,
  ): Promise<CreateInvitationAnswer>;
  revokeEnrollmentInvitation(
    viewer: Viewer,
    input: RevokeInvitationInput,
  ): Promise<RevokeInvitationAnswer>;
  enrollmentProfile(viewer: Viewer, input: AskProfileInput): Promise<AskedProfile>;
  renewDeviceAuthority(viewer: Viewer, input: RenewAuthorityInput): Promise<ChangeAuthorityAnswer>;
  importDeviceAuthority(
    viewer: Viewer,
    input: ImportAuthorityInput,
  ): Promise<ChangeAuthorityAnswer>;
  revokeIssuedCertificate(
    viewer: Viewer,
    input: RevokeCertificateInput,
  ): Promise<RevokeCertificateAnswer>;
  recordEnrollmentProfile(viewer: Viewer, input: RecordProfileInput): Promise<RecordProfileAnswer>;
}

export function enrollUseCases(ctx: EnrollContext): EnrollUseCases {
  return {
    createEnrollmentInvitation: (viewer, input) => createEnrollmentInvitation(ctx, viewer, input),
    revokeEnrollmentInvitation: (viewer, input) => revokeEnrollmentInvitation(ctx, viewer, input),
    enrollmentProfile: (viewer, input) => askEnrollmentProfile(ctx, viewer, input),
    renewDeviceAuthority: (viewer, input) => renewDeviceAuthority(ctx, viewer, input),
    importDeviceAuthority: (viewer, input) => importDeviceAuthority(ctx, viewer, input),
    revokeIssuedCertificate: (viewer, input) => revokeIssuedCertificate(ctx, viewer, input),
    recordEnrollmentProfile: (viewer, input) => recordEnrollmentProfile(ctx, viewer, input),
  };
}
