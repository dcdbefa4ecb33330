import type { Viewer } from '../../model/viewer.ts';
import type { MdmContext } from '../context.ts';
import { type CompleteRequestInput, completePushCertificateRequest } from './complete-request.ts';
import {
  type CreateRequestAnswer,
  type CreateRequestInput,
  createPushCertificateRequest,
} from './create-request.ts';
import {
  type OpenResponseAnswer,
  type OpenResponseInput,
  openMdmcertResponse,
} from './open-mdmcert-response.ts';
import { type UploadAnswer, type UploadInput, uploadPushCertificate } from './upload.ts';

/** What the graph does with push certificates. */
export interface PushCertificateUseCases {
  uploadPushCertificate(viewer: Viewer, input: UploadInput): Promise<UploadAnswer>;
  createPushCertificateRequest(
    viewer: Viewer,
    input: CreateRequestInput,
  ): Promise<CreateRequestAnswer>;
  openMdmcertResponse(viewer: Viewer, input: OpenResponseInput): Promise<OpenResponseAnswer>;
  completePushCertificateRequest(
    viewer: Viewer,
    input: CompleteRequestInput,
  ): Promise<UploadAnswer>;
}

export function pushCertificateUseCases(ctx: MdmContext): PushCertificateUseCases {
  return {
    uploadPushCertificate: (viewer, input) => uploadPushCertificate(ctx, viewer, input),
    createPushCertificateRequest: (viewer, input) =>
      createPushCertificateRequest(ctx, viewer, input),
    openMdmcertResponse: (viewer, input) => openMdmcertResponse(ctx, viewer, input),
    completePushCertificateRequest: (viewer, input) =>
      completePushCertificateRequest(ctx, viewer, input),
  };
}
