import type { SecretRead } from '../server/model/secret-read.ts';
import type { Viewer } from '../server/model/viewer.ts';
import { batched } from './batch.ts';
import type { GraphContext } from './context.ts';

/** Whether the token may see in clear what is masked for others. */
export function seesSecrets(viewer: Viewer): boolean {
  return viewer.scopes.has('secrets:read');
}

const shown = new WeakSet<object>();

/** Whether a secret was shown in this context, which went on record for its viewer. */
export function hasShownSecrets(context: object): boolean {
  return shown.has(context);
}

/**
 * Notes in the audit that a secret is about to be shown, together with those that the resolvers
 * beside show. Await it before the secret is handed on: what cannot be audited is not answered.
 */
export async function auditRead(context: GraphContext, read: SecretRead): Promise<void> {
  shown.add(context);
  await readsOfLevel(context, 'reads', read, null);
}

const readsOfLevel = batched<SecretRead, never, null>(async (context, reads) => {
  // Several fields of a row show the same secret once.
  const distinct = new Map(reads.map((read) => [JSON.stringify(read), read]));
  await context.audit.secretsRead(context.viewer, context.traceId, [...distinct.values()]);
  return new Map<SecretRead, never>();
});
