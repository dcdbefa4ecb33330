import { createHash, X509Certificate } from 'node:crypto';
import type { MigrationRecord } from '../nanomdm/source.ts';

/** One thing that has to be the same in source and server; a secret only as its digest. */
export interface Fact {
  readonly kind: string;
  /** Of the enrolment, command or certificate. */
  readonly id: string;
  /** What tells it from others of its kind and id, such as a CommandUUID; else empty. */
  readonly of: string;
  readonly value: string;
  /** When the device said it, in milliseconds; null: nobody knows, or it does not matter. */
  readonly at: number | null;
}

/** What records say, each thing by itself. Entries of one queue have to come together, in their order. */
export async function* factsIn(records: AsyncIterable<MigrationRecord>): AsyncGenerator<Fact> {
  let queue: { readonly id: string; readonly uuids: string[] } | null = null;
  for await (const record of records) {
    const id = record.enrollment ?? '';
    if (queue !== null && (record.kind !== 'queueEntry' || queue.id !== id)) {
      yield queueFact(queue);
      queue = null;
    }
    if (record.kind === 'queueEntry') {
      queue ??= { id, uuids: [] };
      queue.uuids.push(String(record['commandUuid']));
    }
    yield* factsOf(record, id);
  }
  if (queue !== null) yield queueFact(queue);
}

function queueFact({ id, uuids }: { readonly id: string; readonly uuids: readonly string[] }) {
  return fact('queueOrder', id, '', digest(uuids.join('\n')));
}

function* factsOf(record: MigrationRecord, id: string): Generator<Fact> {
  const { kind } = record;
  switch (kind) {
    case 'authenticate':
    case 'tokenUpdate':
      yield { ...fact(kind, id, '', digest(String(record['raw']))), at: msOf(record['at']) };
      return;
    case 'userAuthenticate':
      yield fact(kind, id, digest(String(record['raw'])), '');
      return;
    case 'certificateAssociation':
      yield fact(kind, id, String(record['sha256']), '');
      if (record['current'] === true)
        yield fact('currentCertificate', id, '', String(record['sha256']));
      return;
    case 'unlockToken':
    case 'bootstrapToken':
      yield fact(kind, id, '', digest(String(record['token'])));
      return;
    case 'tally':
      yield fact(kind, id, '', String(record['tokenUpdateTally']));
      return;
    case 'timestamps':
      for (const name of ['createdAt', 'enrolledAt', 'lastSeenAt']) {
        if (record[name] !== undefined) yield fact(name, id, '', String(msOf(record[name])));
      }
      return;
    case 'disabled':
      yield fact(kind, id, '', '');
      return;
    case 'command':
      yield fact(kind, String(record['commandUuid']), '', digest(String(record['body'])));
      return;
    case 'queueEntry':
      yield fact(kind, id, String(record['commandUuid']), waitingOf(record));
      return;
    case 'result': {
      const { status = '', result = '', ended = 'ANSWERED' } = record;
      const value = [ended, status, digest(String(result)), waitingOf(record)].join(' ');
      yield fact(kind, id, String(record['commandUuid']), value);
      return;
    }
    case 'pushCertificate':
      yield fact(kind, fingerprintOf(String(record['certificate'])), '', '');
      return;
    default:
      return;
  }
}

/** How urgent it is, and how often and when it was put off. */
function waitingOf({ priority = 0, notNowTally = 0, notNowAt }: MigrationRecord): string {
  return [priority, notNowTally, msOf(notNowAt)].join('/');
}

function fact(kind: string, id: string, of: string, value: string): Fact {
  return { kind, id, of, value, at: null };
}

function msOf(time: unknown): number | null {
  return typeof time === 'string' ? new Date(time).getTime() : null;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27);
}

/** SHA-256 of the certificate that stands first. */
export function fingerprintOf(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch {
    return digest(pem);
  }
}
