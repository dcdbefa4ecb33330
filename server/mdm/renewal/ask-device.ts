import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { buildCommand } from '../../protocol/messages/command.ts';
import { bodyHasSecrets } from '../../catalogue/secret-bearing.ts';
import type { DueDevice } from '../../store/renewal/due.ts';
import { askForCommand } from '../../store/push/ask.ts';
import { enqueue } from '../../store/queue/enqueue.ts';
import { makeRenewalProfile } from './renewal-profile.ts';
import type { EnrollContext } from '../enroll/enroll-context.ts';
import { inputHash } from '../idempotency.ts';
import { commandBodyPlace } from '../queue/deliver.ts';
import { canonicalTargets } from '../queue/enqueue-targets.ts';

const requestType = 'InstallProfile';

/** A device that has the profile may be slow with it: so much longer its challenge is good, in ms. */
const grace = 86_400_000;

/**
 * Queues the InstallProfile that renews a device, until the next try is due, and has it pushed.
 * @returns the command's key; null when it is unknown by now what the device was enrolled with
 * @throws {ConflictError} no profile can be made with these settings
 */
export async function askDevice(
  ctx: EnrollContext,
  client: PoolClient,
  device: DueDevice,
  { at, until, traceId }: { readonly at: Date; readonly until: Date; readonly traceId: string },
): Promise<string | null> {
  const challengeEnds = new Date(until.getTime() + grace);
  const profile = await makeRenewalProfile(ctx, client, device, challengeEnds);
  if (profile === null) return null;
  const uuid = randomUUID();
  const { tenantId } = device;
  const body = buildCommand(requestType, { Payload: profile }, uuid);
  const targets = { ids: [device.id] };
  const bodySealed = bodyHasSecrets(requestType);
  const { commandKey } = await enqueue(
    client,
    {
      uuid,
      tenantId,
      requestType,
      body: bodySealed ? ctx.keyring.seal(commandBodyPlace(tenantId, uuid), body) : body,
      bodySealed,
      renewal: true,
      bodyFingerprint: ctx.keyring.fingerprint(body),
      targetsSha256: inputHash(canonicalTargets(targets)),
      createdBy: 'system:renewal',
      traceId,
      at,
      priority: 0,
      notBefore: null,
      expiresAt: until,
      retryOf: null,
      audit: null,
    },
    targets,
    { maximum: null, once: null, sampled: false },
  );
  if (commandKey !== null) await askForCommand(client, commandKey);
  return commandKey;
}
