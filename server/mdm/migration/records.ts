import { z } from 'zod';

/**
 * The records of a migration file: one JSON object on each line. docs/migrate-records.md describes them;
 * what stands there is checked against these.
 */

/** A time with its offset, to the millisecond; `text` keeps what is finer, for the order of commands. */
export interface Moment {
  readonly date: Date;
  /** UTC with nine decimals, so that texts are in the order of the times. */
  readonly text: string;
}

const time = z.iso.datetime({ offset: true }).transform((text, ctx): Moment => {
  const date = new Date(text);
  const year = date.getUTCFullYear();
  if (Number.isNaN(date.getTime()) || year < 1970 || year > 9_999) {
    ctx.addIssue({ code: 'custom', message: 'not a time from 1970 to 9999' });
    return z.NEVER;
  }
  const [, fraction = ''] = /\.(\d+)/.exec(text) ?? [];
  return {
    date,
    text: `${date.toISOString().slice(0, 19)}.${fraction.slice(0, 9).padEnd(9, '0')}`,
  };
});

const id = z
  .string()
  .regex(/^\P{Cc}{1,255}$/u, 'not 1 to 255 characters without control characters');

const base64 = z.string().transform((text, ctx): Buffer => {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    ctx.addIssue({ code: 'custom', message: 'not base64' });
    return z.NEVER;
  }
  return Buffer.from(text, 'base64');
});

/** A property list: base64, or its own text when it begins with `<`. */
const plist = z.union([
  z
    .string()
    .startsWith('<')
    .transform((text): Buffer => Buffer.from(text)),
  base64,
]);

const sha256 = z
  .string()
  .regex(/^[\dA-Fa-f]{64}$/, 'not 64 hexadecimal digits')
  .transform((hex): Buffer => Buffer.from(hex, 'hex'));

const tally = z.int().min(0).max(2_147_483_647);

const checkIn = {
  /** The enrolment's id; when it is there, it has to be the one that the message names. */
  enrollment: id.optional(),
  /** The message as the device sent it. */
  raw: plist,
  /** When it was received. */
  at: time.optional(),
};

const sending = {
  queuedAt: time.optional(),
  firstSentAt: time.optional(),
  notNowAt: time.optional(),
  notNowTally: tally.optional(),
};

export const recordShapes = {
  authenticate: z.strictObject({ kind: z.literal('authenticate'), ...checkIn }),
  tokenUpdate: z.strictObject({ kind: z.literal('tokenUpdate'), ...checkIn }),
  userAuthenticate: z.strictObject({ kind: z.literal('userAuthenticate'), ...checkIn }),
  setBootstrapToken: z.strictObject({ kind: z.literal('setBootstrapToken'), ...checkIn }),
  certificateAssociation: z.strictObject({
    kind: z.literal('certificateAssociation'),
    enrollment: id,
    sha256,
    certificate: z.string().optional(),
    current: z.boolean().optional(),
    at: time.optional(),
  }),
  unlockToken: z.strictObject({
    kind: z.literal('unlockToken'),
    enrollment: id,
    token: base64,
    at: time.optional(),
  }),
  bootstrapToken: z.strictObject({
    kind: z.literal('bootstrapToken'),
    enrollment: id,
    token: base64,
    at: time.optional(),
  }),
  tally: z.strictObject({ kind: z.literal('tally'), enrollment: id, tokenUpdateTally: tally }),
  timestamps: z.strictObject({
    kind: z.literal('timestamps'),
    enrollment: id,
    createdAt: time.optional(),
    enrolledAt: time.optional(),
    lastSeenAt: time.optional(),
  }),
  disabled: z.strictObject({
    kind: z.literal('disabled'),
    enrollment: id,
    reason: z.enum(['CHECKED_OUT', 'RE_ENROLLING', 'AWAITING_TOKEN_UPDATE']).optional(),
    at: time.optional(),
  }),
  command: z.strictObject({
    kind: z.literal('command'),
    commandUuid: id,
    requestType: id.optional(),
    body: plist,
    createdAt: time.optional(),
  }),
  queueEntry: z.strictObject({
    kind: z.literal('queueEntry'),
    enrollment: id,
    commandUuid: id,
    priority: z.int().min(-32_767).max(32_767).optional(),
    notBefore: time.optional(),
    expiresAt: time.optional(),
    ...sending,
  }),
  result: z.strictObject({
    kind: z.literal('result'),
    enrollment: id,
    commandUuid: id,
    status: id.optional(),
    result: plist.optional(),
    ended: z
      .enum(['ANSWERED', 'RE_ENROLLED', 'UNENROLLED', 'CLEARED', 'CANCELLED', 'EXPIRED'])
      .optional(),
    endedAt: time.optional(),
    answeredAt: time.optional(),
    ...sending,
  }),
  pushCertificate: z.strictObject({
    kind: z.literal('pushCertificate'),
    certificate: z.string(),
    key: z.string(),
  }),
} as const;

const record = z.discriminatedUnion('kind', [
  recordShapes.authenticate,
  recordShapes.tokenUpdate,
  recordShapes.userAuthenticate,
  recordShapes.setBootstrapToken,
  recordShapes.certificateAssociation,
  recordShapes.unlockToken,
  recordShapes.bootstrapToken,
  recordShapes.tally,
  recordShapes.timestamps,
  recordShapes.disabled,
  recordShapes.command,
  recordShapes.queueEntry,
  recordShapes.result,
  recordShapes.pushCertificate,
]);

export type RecordKind = keyof typeof recordShapes;

/** A record as it is used. */
export type MigrationRecord = z.output<typeof record>;

/** The record of one kind. */
export type RecordOf<Kind extends RecordKind> = Extract<MigrationRecord, { kind: Kind }>;

/** Reads a record from JSON. */
export const readRecord = (json: unknown) => record.safeParse(json);

/** Whether a value can be the id of an enrolment or a command. */
export function isRecordId(value: unknown): value is string {
  return id.safeParse(value).success;
}

/** Whether a word is the name of a kind. */
export function isRecordKind(word: unknown): word is RecordKind {
  return typeof word === 'string' && Object.hasOwn(recordShapes, word);
}
