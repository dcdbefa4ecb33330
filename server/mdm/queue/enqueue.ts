import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { isDestructive } from '../../catalogue/destructive.ts';
import { bodyHasSecrets } from '../../catalogue/secret-bearing.ts';
import { ConflictError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { readCommand } from '../../protocol/messages/command.ts';
import { isPlistDict } from '../../protocol/plist/value.ts';
import {
  enqueue,
  findCommand,
  lockTargets,
  type PendingCount,
  previewTargets,
} from '../../store/queue/enqueue.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { askForCommand } from '../../store/push/ask.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import { inputHash, once } from '../idempotency.ts';
import { type PushJobInput, pushJobKind } from '../push/push-job-input.ts';
import { commandBodyPlace } from './deliver.ts';
import { renewsMdmProfile } from './mdm-profile.ts';
import { demandOneTarget, inOrder, inWords, refusedAmong, tenantFor } from './enqueue-targets.ts';
import {
  checkPriority,
  type CommandTiming,
  type EnqueueAnswer,
  type EnqueueInput,
  refusalCodes,
  type RefusedTarget,
} from './enqueue-types.ts';
import { asGiven } from './targets-as-given.ts';

/** So many are pushed to without a job: nobody wants to follow or cancel that. */
const fewTargets = 500;

interface Command {
  readonly uuid: string;
  readonly requestType: string;
  readonly renewal: boolean;
  readonly body: Buffer;
}

/** Which mutation queues it, and for the sake of which earlier command. */
export interface EnqueueOrigin {
  readonly mutation: string;
  /** Key of the command that it repeats for targets at which that failed; null: a command of its own. */
  readonly retryOf: string | null;
}

const ownCommand: EnqueueOrigin = { mutation: 'enqueueCommand', retryOf: null };

/**
 * Queues one command for many enrolments: all of it in one transaction, set-based.
 *
 * The same CommandUUID with the same bytes and targets is a replay and changes nothing.
 * @throws {ValidationError} the plist, the targets, or a missing `expectedCount`
 * @throws {NotFoundError} none of the ids asked for exists for this viewer
 * @throws {ConflictError} CommandUUID or idempotency key used otherwise; more targets than expected;
 * no target is enabled
 * @throws {ForbiddenError} the token may not write commands
 */
export async function enqueueCommand(
  ctx: MdmContext,
  viewer: Viewer,
  input: EnqueueInput,
  origin: EnqueueOrigin = ownCommand,
): Promise<EnqueueAnswer> {
  demandScope(viewer, 'commands:write');
  const command = commandOf(input.plist);
  checkTiming(input.timing, ctx.clock.now());
  const cursor = await ctx.currentCursor();
  if (input.validateOnly) {
    return boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
      preview(client, viewer, input, command, cursor),
    );
  }
  demandExpectedCount(input, command);
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation: origin.mutation,
        key: input.idempotencyKey,
        input: {
          targets: asGiven(input.targets),
          plist: ctx.keyring.fingerprint(input.plist).toString('hex'),
          expectedCount: input.expectedCount,
          timing: input.timing,
          push: input.push,
          force: input.force,
        },
      },
      () => store(ctx, client, viewer, input, command, cursor, origin),
      (stored) => storedAnswer.parse(stored),
    ),
  );
  ctx.committed();
  if (input.push) ctx.kickJobs();
  // Of a repeat, too, the position before the first: all that came of it lies behind.
  return done.replayed ? { ...done.answer, replayed: true } : done.answer;
}

const storedAnswer = z.object({
  commandUuid: z.string(),
  requestType: z.string(),
  queuedCount: z.number(),
  refused: z.array(
    z.object({
      id: z.string(),
      code: z.enum(refusalCodes),
      message: z.string(),
    }),
  ),
  refusedCount: z.number(),
  sample: z.array(z.string()),
  cursor: z.string(),
  replayed: z.boolean(),
  validateOnly: z.boolean(),
  pushJobId: z.string().nullable(),
});

function commandOf(plist: Buffer): Command {
  const { commandUuid, requestType, value } = readCommand(plist, ['input', 'command', 'plist']);
  const { Command: inner } = value;
  const renewal =
    requestType === 'InstallProfile' && isPlistDict(inner) && renewsMdmProfile(inner['Payload']);
  return { uuid: commandUuid, requestType, renewal, body: plist };
}

function checkTiming({ priority, notBefore, expiresAt }: CommandTiming, now: Date): void {
  checkPriority(priority);
  const from = notBefore !== null && notBefore > now ? notBefore : now;
  if (expiresAt !== null && expiresAt <= from) {
    throw new ValidationError(
      'EXPIRES_TOO_EARLY',
      'expiresAt lies in the past or before notBefore, so the command could never be delivered.',
      ['input', 'expiresAt'],
    );
  }
}

function demandExpectedCount(input: EnqueueInput, command: Command): void {
  if ('ids' in input.targets || input.expectedCount !== null) return;
  if (!isDestructive(command.requestType)) return;
  throw new ValidationError(
    'EXPECTED_COUNT_REQUIRED',
    `${command.requestType} can wipe, lock, un-enrol or shut people out. To send it to a filter or to ` +
      'all, ask with validateOnly first and pass the queuedCount it answers as expectedCount.',
    ['input', 'expectedCount'],
  );
}

async function preview(
  client: PoolClient,
  viewer: Viewer,
  input: EnqueueInput,
  command: Command,
  cursor: string,
): Promise<EnqueueAnswer> {
  const once = onceOf(input, command);
  const { count, sample, pending } = await previewTargets(
    client,
    input.targets,
    viewer.tenant,
    once,
  );
  const named = await refusedAmong(client, input.targets, viewer.tenant);
  return {
    commandUuid: command.uuid,
    requestType: command.requestType,
    queuedCount: count,
    ...refusals(named, pending, command),
    sample,
    cursor,
    replayed: false,
    validateOnly: true,
    pushJobId: null,
  };
}

async function store(
  ctx: MdmContext,
  client: PoolClient,
  viewer: Viewer,
  input: EnqueueInput,
  command: Command,
  cursor: string,
  origin: EnqueueOrigin,
): Promise<EnqueueAnswer> {
  const targets = inOrder(input.targets);
  const tenantId = await tenantFor(client, viewer, targets);
  const targetsSha256 = inputHash(asGiven(targets));
  const answer = {
    commandUuid: command.uuid,
    requestType: command.requestType,
    cursor,
    validateOnly: false,
    pushJobId: null,
  };
  const replay = async (): Promise<EnqueueAnswer | null> => {
    const known = await findCommand(client, command.uuid, tenantId);
    if (known === null) return null;
    if (
      !ctx.keyring.isFingerprintOf(known.bodyFingerprint, command.body) ||
      !known.targetsSha256.equals(targetsSha256)
    ) {
      throw commandUuidUsed(command.uuid);
    }
    const { sample } = await previewTargets(client, targets, tenantId);
    const refused = await refusedAmong(client, targets, viewer.tenant);
    return {
      ...answer,
      refused,
      refusedCount: refused.length,
      queuedCount: known.targetCount,
      sample,
      replayed: true,
    };
  };
  // Before the targets are judged: the command itself may have taken them away since.
  const earlier = await replay();
  if (earlier !== null) return earlier;
  const requestType = onceOf(input, command);
  // Whoever else sends such a command to one of them waits here, and then sees what this one queues.
  const onlyOnce =
    requestType === null
      ? null
      : { requestType, locked: await lockTargets(client, targets, tenantId) };
  const sealed = bodyHasSecrets(command.requestType);
  const done = await enqueue(
    client,
    {
      uuid: command.uuid,
      tenantId,
      requestType: command.requestType,
      body: sealed
        ? ctx.keyring.seal(commandBodyPlace(tenantId, command.uuid), command.body)
        : command.body,
      bodySealed: sealed,
      renewal: command.renewal,
      bodyFingerprint: ctx.keyring.fingerprint(command.body),
      targetsSha256,
      ...input.timing,
      createdBy: viewer.actor,
      traceId: currentTraceId() ?? null,
      at: ctx.clock.now(),
      retryOf: origin.retryOf,
      audit: {
        tenantId: viewer.tenant,
        action: origin.mutation,
        details: {
          commandUuid: command.uuid,
          requestType: command.requestType,
          targets: 'ids' in targets ? 'ids' : 'filter' in targets ? 'filter' : 'all',
        },
      },
    },
    targets,
    {
      maximum: input.expectedCount,
      once: onlyOnce,
      // A repeat of the key may ask for what the first request did not.
      sampled: input.sampled || input.idempotencyKey !== null,
    },
  );
  if (done.commandKey === null) {
    // Somebody else's transaction brought it in meanwhile.
    const raced = await replay();
    if (raced === null) throw grown(done.count, input.expectedCount);
    return raced;
  }
  const refused = inWords(done.refused);
  demandOneTarget(targets, refused);
  demandSomething(done, command, origin);
  const fresh = {
    ...answer,
    ...refusals(refused, done.pending, command),
    queuedCount: done.count,
    sample: done.sample,
    replayed: false,
  };
  if (!input.push || done.count === 0) return fresh;
  const { notBefore } = input.timing;
  const isNow = notBefore === null || notBefore <= ctx.clock.now();
  if (isNow && done.count <= fewTargets) {
    await askForCommand(client, done.commandKey);
    return fresh;
  }
  const pushJobId = randomUUID();
  await insertJob(client, {
    id: pushJobId,
    tenantId,
    kind: pushJobKind,
    input: { commandKey: done.commandKey } satisfies PushJobInput,
    total: done.count,
    createdBy: viewer.actor,
    notBefore: isNow ? null : notBefore,
  });
  return { ...fresh, pushJobId };
}

/** The RequestType that may wait only once for each target; null: as often as one likes. */
function onceOf(input: EnqueueInput, { requestType }: Command): string | null {
  return !input.force && isDestructive(requestType) ? requestType : null;
}

function refusals(
  named: readonly RefusedTarget[],
  pending: PendingCount,
  { requestType }: Command,
): Pick<EnqueueAnswer, 'refused' | 'refusedCount'> {
  const waiting = pending.sample.map(
    (id): RefusedTarget => ({
      id,
      code: 'ALREADY_PENDING',
      message: `${requestType} waits for ${id} already. Cancel it, or queue another with force.`,
    }),
  );
  return { refused: [...named, ...waiting], refusedCount: named.length + pending.count };
}

/**
 * @throws {ConflictError} all that were left have such a command waiting; nothing is left to retry
 */
function demandSomething(
  done: { readonly count: number; readonly pending: PendingCount },
  { requestType }: Command,
  origin: EnqueueOrigin,
): void {
  if (done.count > 0) return;
  if (done.pending.count > 0) {
    throw new ConflictError(
      'ALREADY_PENDING',
      `${requestType} waits already for each of these. Cancel it, or queue another with force.`,
      ['input', 'targets'],
    );
  }
  if (origin.retryOf === null) return;
  throw new ConflictError(
    'NOTHING_TO_RETRY',
    'None of these is enabled and stands so: states says which are meant.',
    ['input', 'targets'],
  );
}

function commandUuidUsed(uuid: string): ConflictError {
  return new ConflictError(
    'COMMAND_UUID_USED',
    `CommandUUID ${uuid} already names another command or other targets; give each command a UUID of ` +
      'its own.',
    ['input', 'command'],
  );
}

function grown(count: number, expected: number | null): ConflictError {
  return new ConflictError(
    'TARGETS_CHANGED',
    `The command would reach ${count} enrolments, more than the ${expected} expected; look at them ` +
      'with validateOnly and ask again.',
    ['input', 'expectedCount'],
  );
}
