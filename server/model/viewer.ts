/** Whose data a request may touch. `null` is every tenant (an operator's token). */
export type TenantId = number;

/** The tenant that everything belongs to until somebody makes another. */
export const defaultTenant: TenantId = 1;

/** What a bearer token allows. */
export const scopes = [
  'enrollments:read',
  'enrollments:write',
  'commands:read',
  'commands:write',
  'events:read',
  'push:read',
  'push:write',
  'invitations:read',
  'invitations:write',
  'pki:read',
  'pki:write',
  'jobs:read',
  'jobs:write',
  'secrets:read',
  'tokens:read',
  'tokens:write',
  'audit:read',
  'tenants:read',
  'tenants:write',
] as const;

/** Stands in a token for every scope, those that a later version adds too. */
export const everyScope = '*';

export type Scope = (typeof scopes)[number];

const known: ReadonlySet<string> = new Set(scopes);

export function isScope(text: string): text is Scope {
  return known.has(text);
}

/** What a list of scopes, as a token keeps it, allows. Those that this version does not know are left out. */
export function scopesIn(kept: readonly string[]): ReadonlySet<Scope> {
  return new Set(kept.includes(everyScope) ? scopes : kept.filter(isScope));
}

/** Who asks, for what tenant, and what they may do. Every read and every use case takes one. */
export interface Viewer {
  /** `token:<name>`, `oidc:<subject>`, `device:<enrolment id>`, `system`. Goes to events and audit. */
  readonly actor: string;
  /** The API token's id; null for callers without one. */
  readonly tokenId: string | null;
  readonly tenant: TenantId | null;
  readonly scopes: ReadonlySet<Scope>;
  /** When what he may do ends; absent: it does not end by itself. */
  readonly expiresAt?: Date;
}
