import type { NewTokenAnswer, TokenAnswer } from '../server/mdm/access/tokens.ts';
import { ApiToken, apiTokenIdOf, linkApiToken } from './api-token.ts';
import { builder } from './builder.ts';
import { mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';
import { tenantIdOf } from './tenant.ts';

const writers = { scope: 'tokens:write' } as const;

const TokenPayload = builder.interfaceRef<TokenAnswer>('ApiTokenPayload').implement({
  description: 'An API token after something was done to it.',
  resolveType: (payload) => ('secret' in payload ? 'NewApiTokenPayload' : 'ChangedApiTokenPayload'),
  fields: (t) => ({
    apiToken: t.prismaField({
      type: ApiToken,
      nullable: true,
      description: 'The token; null for a token without tokens:read.',
      resolve: (query, { tokenId }, _args, context) => linkApiToken(context, tokenId, query),
    }),
    cursor: t.exposeString('cursor', {
      description: "The event stream's position from before: subscribe after it to miss nothing.",
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'Whether an earlier, equal request had done it already.',
    }),
  }),
});

const NewPayload = builder.objectRef<NewTokenAnswer>('NewApiTokenPayload').implement({
  description: 'An API token that was made.',
  interfaces: [TokenPayload],
  fields: (t) => ({
    secret: t.exposeString('secret', {
      description:
        'What to send as `Authorization: Bearer <secret>`. It is shown here only; a repeat with the ' +
        'same idempotency key shows it again.',
    }),
  }),
});

const ChangedPayload = builder.objectRef<TokenAnswer>('ChangedApiTokenPayload').implement({
  description: 'An API token that was changed or ended.',
  interfaces: [TokenPayload],
});

const tokenId = { required: true, description: 'Its global or its natural id.' } as const;

const CreateInput = builder.inputType('CreateApiTokenInput', {
  description: 'An API token. It cannot allow more than the one that it is made with.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'What it is for: 1 to 100 characters. Shown in audit entries and events.',
    }),
    scopes: t.stringList({
      required: true,
      description: 'What it allows, such as `enrollments:read`. `viewer { scopes }` lists yours.',
    }),
    tenantId: t.id({
      description: 'The tenant that it belongs to; absent: as far as your own token reaches.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it ends; absent: it does not end by itself.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const RotateInput = builder.inputType('RotateApiTokenInput', {
  description: 'Which token gets a new secret.',
  fields: (t) => ({
    tokenId: t.id(tokenId),
    overlapSeconds: t.int({
      required: true,
      defaultValue: 0,
      description: 'For how long the old secret goes on; 0: it ends at once. At most 30 days.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the new one ends; absent: when the old one would have; null: never.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const UpdateInput = builder.inputType('UpdateApiTokenInput', {
  description: 'What to change of a token; what is absent stays.',
  fields: (t) => ({
    tokenId: t.id(tokenId),
    name: t.string({ description: 'Another name.' }),
    scopes: t.stringList({ description: 'Fewer scopes: those that it keeps.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'Another end; null: never.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const RevokeInput = builder.inputType('RevokeApiTokenInput', {
  description: 'Which token ends.',
  fields: (t) => ({
    tokenId: t.id(tokenId),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

function outcomes(of: string) {
  const name = `${of.charAt(0).toUpperCase()}${of.slice(1)}Result`;
  return { types: mutationErrors, union: { name, description: `The outcomes of \`${of}\`.` } };
}

builder.mutationFields((t) => ({
  createApiToken: t.field({
    type: NewPayload,
    description: 'Makes an API token.',
    authScopes: writers,
    errors: outcomes('createApiToken'),
    args: { input: t.arg({ type: CreateInput, required: true, description: 'The token.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.createApiToken(viewer, {
        name: input.name,
        scopes: input.scopes,
        tenant: typeof input.tenantId === 'string' ? tenantIdOf(input.tenantId) : undefined,
        expiresAt: input.expiresAt ?? null,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
  rotateApiToken: t.field({
    type: NewPayload,
    description:
      'Makes a token with another secret that takes the place of one: name, scopes and tenant stay.',
    authScopes: writers,
    errors: outcomes('rotateApiToken'),
    args: { input: t.arg({ type: RotateInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.rotateApiToken(viewer, {
        tokenId: apiTokenIdOf(input.tokenId),
        overlap: input.overlapSeconds,
        expiresAt: input.expiresAt,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
  updateApiToken: t.field({
    type: ChangedPayload,
    description:
      'Renames a token, takes scopes from it or moves its end. What was open with a scope that it ' +
      'loses ends within 5 seconds.',
    authScopes: writers,
    errors: outcomes('updateApiToken'),
    args: { input: t.arg({ type: UpdateInput, required: true, description: 'What to change.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.updateApiToken(viewer, {
        tokenId: apiTokenIdOf(input.tokenId),
        name: input.name ?? null,
        scopes: input.scopes ?? null,
        expiresAt: input.expiresAt,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
  revokeApiToken: t.field({
    type: ChangedPayload,
    description: 'Ends a token. What is open with it ends within 5 seconds.',
    authScopes: writers,
    errors: outcomes('revokeApiToken'),
    args: { input: t.arg({ type: RevokeInput, required: true, description: 'Which one.' }) },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.revokeApiToken(viewer, {
        tokenId: apiTokenIdOf(input.tokenId),
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
}));
