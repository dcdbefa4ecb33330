import type { EnrollmentId } from '../../model/enrollment.ts';
import type {
  Authenticate,
  TokenUpdate,
  UserAuthenticate,
} from '../../protocol/messages/check-in.ts';
import type { Certificate } from '../../protocol/cms/certificate.ts';
import type { Decoded } from './decode.ts';
import type { Moment, RecordOf } from './records.ts';

/** A record and the line that it stands on. */
export interface Numbered {
  readonly line: number;
  readonly decoded: Decoded;
}

/** What is wrong with one line. */
export interface LineError {
  readonly line: number;
  readonly code: string;
  readonly message: string;
  /** The enrolment, command or topic that it is about, if that is known. */
  readonly subject: string | null;
}

/** What is of one kind; of several, the one that counts. */
export interface Chosen<T> {
  readonly line: number;
  readonly at: Date | null;
  readonly value: T;
}

/** A message as it came, with what was read out of it. */
export interface RawMessage<Message> {
  readonly raw: Buffer;
  readonly message: Message;
}

/** A certificate that a device is associated with. */
export interface Association {
  readonly sha256: Buffer;
  readonly certificate: Certificate | null;
  readonly flagged: boolean;
  readonly at: Date | null;
}

/** All that a page of a file says of one enrolment. */
export interface EnrollmentSet {
  readonly id: string;
  /** Every line of it that is not listed as wrong. */
  readonly lines: Set<number>;
  /** As its messages say it; null when it has none. */
  identity: EnrollmentId | null;
  authenticate: Chosen<RawMessage<Authenticate>> | null;
  tokenUpdate: Chosen<RawMessage<TokenUpdate>> | null;
  readonly userAuthenticates: Chosen<RawMessage<UserAuthenticate>>[];
  /** Null for none; a value of null takes the token back. */
  bootstrapToken: Chosen<Buffer | null> | null;
  unlockToken: Chosen<Buffer> | null;
  tally: Chosen<number> | null;
  timestamps: Chosen<RecordOf<'timestamps'>> | null;
  disabled: Chosen<RecordOf<'disabled'>['reason'] | null> | null;
  /** By hash, in hexadecimal. */
  readonly associations: Map<string, Association>;
  /** By CommandUUID. */
  readonly queue: Map<string, Chosen<RecordOf<'queueEntry'>>>;
}

type Slot =
  | 'authenticate'
  | 'tokenUpdate'
  | 'bootstrapToken'
  | 'unlockToken'
  | 'tally'
  | 'timestamps'
  | 'disabled';

/**
 * Puts together what belongs to each enrolment. Of several records that say the same kind of thing the
 * newest by its time counts, else the later line; the others are listed, unless they say the same.
 */
export function gather(
  records: readonly Numbered[],
  errors: LineError[],
): Map<string, EnrollmentSet> {
  const sets = new Map<string, EnrollmentSet>();
  for (const { line, decoded } of records) add(line, decoded);
  return sets;

  function setOf(id: string, line: number): EnrollmentSet {
    const known = sets.get(id) ?? emptySet(id);
    sets.set(id, known);
    known.lines.add(line);
    return known;
  }

  function supersede(set: EnrollmentSet, line: number, by: number): void {
    set.lines.delete(line);
    errors.push({
      line,
      code: 'SUPERSEDED',
      message: `Line ${by} says it otherwise, and is newer or stands later.`,
      subject: set.id,
    });
  }

  function choose<T>(
    set: EnrollmentSet,
    before: Chosen<T> | null | undefined,
    next: Chosen<T>,
    same: (a: T, b: T) => boolean,
  ): Chosen<T> {
    if (before === null || before === undefined) return next;
    const keeps = before.at !== null && next.at !== null && before.at > next.at;
    const [winner, loser] = keeps ? [before, next] : [next, before];
    if (!same(winner.value, loser.value)) supersede(set, loser.line, winner.line);
    return winner;
  }

  function put<S extends Slot>(
    set: EnrollmentSet,
    slot: S,
    next: NonNullable<EnrollmentSet[S]>,
    same: (
      a: NonNullable<EnrollmentSet[S]>['value'],
      b: NonNullable<EnrollmentSet[S]>['value'],
    ) => boolean,
  ): void {
    const before: EnrollmentSet[S] = set[slot];
    set[slot] = choose<NonNullable<EnrollmentSet[S]>['value']>(
      set,
      before,
      next,
      same,
    ) as EnrollmentSet[S];
  }

  function add(line: number, decoded: Decoded): void {
    switch (decoded.kind) {
      case 'authenticate': {
        const { record, message } = decoded;
        const set = setOf(message.enrollment.id, line);
        set.identity = message.enrollment;
        const value = { raw: record.raw, message };
        put(set, 'authenticate', { line, at: dateOf(record.at), value }, sameRaw);
        return;
      }
      case 'tokenUpdate': {
        const { record, message } = decoded;
        const set = setOf(message.enrollment.id, line);
        set.identity ??= message.enrollment;
        const value = { raw: record.raw, message };
        put(set, 'tokenUpdate', { line, at: dateOf(record.at), value }, sameRaw);
        return;
      }
      case 'userAuthenticate': {
        const { record, message } = decoded;
        const set = setOf(message.enrollment.id, line);
        set.identity ??= message.enrollment;
        const value = { raw: record.raw, message };
        set.userAuthenticates.push({ line, at: dateOf(record.at), value });
        return;
      }
      case 'setBootstrapToken': {
        const { record, message } = decoded;
        // The token is the device's, also when a user channel escrows it.
        const set = setOf(message.enrollment.deviceId, line);
        const value = tokenOrNone(message.bootstrapToken);
        put(set, 'bootstrapToken', { line, at: dateOf(record.at), value }, sameBytes);
        return;
      }
      case 'bootstrapToken': {
        const { record } = decoded;
        const value = tokenOrNone(record.token);
        const next = { line, at: dateOf(record.at), value };
        put(setOf(record.enrollment, line), 'bootstrapToken', next, sameBytes);
        return;
      }
      case 'unlockToken': {
        const { record } = decoded;
        const next = { line, at: dateOf(record.at), value: record.token };
        put(setOf(record.enrollment, line), 'unlockToken', next, sameBytes);
        return;
      }
      case 'tally': {
        const { record } = decoded;
        const next = { line, at: null, value: record.tokenUpdateTally };
        put(setOf(record.enrollment, line), 'tally', next, (a, b) => a === b);
        return;
      }
      case 'timestamps': {
        const { record } = decoded;
        const next = { line, at: null, value: record };
        put(setOf(record.enrollment, line), 'timestamps', next, sameJson);
        return;
      }
      case 'disabled': {
        const { record } = decoded;
        const next = { line, at: dateOf(record.at), value: record.reason ?? null };
        put(setOf(record.enrollment, line), 'disabled', next, (a, b) => a === b);
        return;
      }
      case 'certificateAssociation': {
        const { record, certificate } = decoded;
        const set = setOf(record.enrollment, line);
        const name = record.sha256.toString('hex');
        const before = set.associations.get(name);
        set.associations.delete(name);
        set.associations.set(name, {
          sha256: record.sha256,
          certificate: certificate ?? before?.certificate ?? null,
          flagged: record.current === true || before?.flagged === true,
          at: dateOf(record.at) ?? before?.at ?? null,
        });
        return;
      }
      case 'queueEntry': {
        const { record } = decoded;
        const set = setOf(record.enrollment, line);
        const next = { line, at: null, value: record };
        set.queue.set(
          record.commandUuid,
          choose(set, set.queue.get(record.commandUuid), next, sameJson),
        );
        return;
      }
      case 'command':
      case 'pushCertificate':
      case 'result':
        throw new Error(`a ${decoded.kind} is of no enrolment`);
    }
  }
}

function emptySet(id: string): EnrollmentSet {
  return {
    id,
    lines: new Set(),
    identity: null,
    authenticate: null,
    tokenUpdate: null,
    userAuthenticates: [],
    bootstrapToken: null,
    unlockToken: null,
    tally: null,
    timestamps: null,
    disabled: null,
    associations: new Map(),
    queue: new Map(),
  };
}

/** The time of a record that may have none. */
export function dateOf(moment: Moment | undefined): Date | null {
  return moment?.date ?? null;
}

function tokenOrNone(token: Buffer | undefined): Buffer | null {
  return token === undefined || token.length === 0 ? null : token;
}

function sameRaw(a: { readonly raw: Buffer }, b: { readonly raw: Buffer }): boolean {
  return a.raw.equals(b.raw);
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function sameJson(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
