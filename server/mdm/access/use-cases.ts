import type { Viewer } from '../../model/viewer.ts';
import type { MdmContext } from '../context.ts';
import { moveEnrollments, type MoveAnswer, type MoveInput } from './move-enrollments.ts';
import { createTenant, renameTenant, type TenantAnswer } from './tenants.ts';
import {
  createApiToken,
  type CreateTokenInput,
  type NewTokenAnswer,
  revokeApiToken,
  type RevokeTokenInput,
  rotateApiToken,
  type RotateTokenInput,
  type TokenAnswer,
  updateApiToken,
  type UpdateTokenInput,
} from './tokens.ts';

/** What the graph does with tokens and tenants. */
export interface AccessUseCases {
  createApiToken(viewer: Viewer, input: CreateTokenInput): Promise<NewTokenAnswer>;
  rotateApiToken(viewer: Viewer, input: RotateTokenInput): Promise<NewTokenAnswer>;
  updateApiToken(viewer: Viewer, input: UpdateTokenInput): Promise<TokenAnswer>;
  revokeApiToken(viewer: Viewer, input: RevokeTokenInput): Promise<TokenAnswer>;
  createTenant(viewer: Viewer, input: Parameters<typeof createTenant>[2]): Promise<TenantAnswer>;
  renameTenant(viewer: Viewer, input: Parameters<typeof renameTenant>[2]): Promise<TenantAnswer>;
  moveEnrollments(viewer: Viewer, input: MoveInput): Promise<MoveAnswer>;
}

export function accessUseCases(ctx: MdmContext): AccessUseCases {
  return {
    createApiToken: (viewer, input) => createApiToken(ctx, viewer, input),
    rotateApiToken: (viewer, input) => rotateApiToken(ctx, viewer, input),
    updateApiToken: (viewer, input) => updateApiToken(ctx, viewer, input),
    revokeApiToken: (viewer, input) => revokeApiToken(ctx, viewer, input),
    createTenant: (viewer, input) => createTenant(ctx, viewer, input),
    renameTenant: (viewer, input) => renameTenant(ctx, viewer, input),
    moveEnrollments: (viewer, input) => moveEnrollments(ctx, viewer, input),
  };
}
