import type { MigrationRecord } from '../nanomdm/source.ts';
import type { Report } from './report.ts';

/** So many enrolments are on their way at once. */
const width = 8;

export interface Nanomdm {
  /** Of its /migration. */
  readonly url: URL;
  readonly key: string;
  readonly signal: AbortSignal;
}

/**
 * Sends what a NanoMDM takes in the order that it needs: each device's Authenticate and TokenUpdate, then
 * the users of them, then bootstrap tokens. What is disabled stays: a TokenUpdate would enable it there.
 * @param lines  the export, from its beginning at each call
 * @returns how many enrolments it has taken
 */
export async function sendToNanomdm(
  to: Nanomdm,
  lines: () => AsyncIterable<string>,
  report: Report,
): Promise<number> {
  const failed = new Set<string>();
  let sent = 0;
  for (const step of ['devices', 'users', 'bootstrapTokens'] as const) {
    const under = new Set<Promise<void>>();
    for await (const set of enrollmentsIn(lines())) {
      const work = send(step, set).finally(() => under.delete(work));
      under.add(work);
      if (under.size >= width) await Promise.race(under);
    }
    await Promise.all(under);
  }
  return sent;

  async function send(step: string, set: Enrollment): Promise<void> {
    const isUser = set.id.includes(':');
    const [device = ''] = set.id.split(':', 1);
    if (step === 'bootstrapTokens') {
      const token = set.of('bootstrapToken');
      if (token === undefined || failed.has(set.id) || !isComplete(set)) return;
      await put('bootstrapToken', set.id, bootstrapMessage(set, String(token['token'])));
      return;
    }
    if (isUser !== (step === 'users')) return;
    if (!isComplete(set)) {
      failed.add(set.id);
      const isEnrolled = set.of('tokenUpdate') !== undefined;
      await report.tell({
        what: 'left',
        kind: 'tokenUpdate',
        id: set.id,
        code: isEnrolled ? 'NOT_ENABLED' : 'NO_TOKEN_UPDATE',
        message: isEnrolled ? 'It has left; there it would be enabled.' : 'It has never enrolled.',
      });
      return;
    }
    if (isUser && failed.has(device)) return;
    const isTaken =
      (isUser || (await put('authenticate', set.id, rawOf(set, 'authenticate')))) &&
      (await put('tokenUpdate', set.id, withUnlockToken(set)));
    if (isTaken) sent += 1;
    else failed.add(set.id);
  }

  async function put(kind: string, id: string, body: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const response = await fetch(to.url, {
      method: 'PUT',
      headers: { Authorization: `Basic ${Buffer.from(`nanomdm:${to.key}`).toString('base64')}` },
      body,
      // A redirect would lose the body.
      redirect: 'manual',
      signal: to.signal,
    });
    const text = await response.text();
    if (response.status === 200) return true;
    await report.tell({
      what: 'refused',
      kind,
      id,
      code: `HTTP_${response.status}`,
      message: text.trim().slice(0, 200) || response.statusText,
    });
    return false;
  }
}

interface Enrollment {
  readonly id: string;
  of(kind: string): MigrationRecord | undefined;
}

/** The records of each enrolment, which stand together in an export. */
async function* enrollmentsIn(lines: AsyncIterable<string>): AsyncGenerator<Enrollment> {
  let records: MigrationRecord[] = [];
  const gathered = (): Enrollment => {
    const all = records;
    return {
      id: all[0]?.enrollment ?? '',
      of: (kind) => all.findLast((one) => one.kind === kind),
    };
  };
  for await (const line of lines) {
    const record = JSON.parse(line) as MigrationRecord;
    if (!wanted.has(record.kind)) continue;
    if (records.length > 0 && records[0]?.enrollment !== record.enrollment) {
      yield gathered();
      records = [];
    }
    records.push(record);
  }
  if (records.length > 0) yield gathered();
}

const wanted: ReadonlySet<string> = new Set([
  'authenticate',
  'tokenUpdate',
  'unlockToken',
  'bootstrapToken',
  'disabled',
]);

function isComplete(set: Enrollment): boolean {
  return set.of('disabled') === undefined && set.of('tokenUpdate') !== undefined;
}

function rawOf(set: Enrollment, kind: string): Uint8Array<ArrayBuffer> {
  const raw = set.of(kind)?.['raw'];
  return Uint8Array.from(Buffer.from(typeof raw === 'string' ? raw : '', 'base64'));
}

/** Its TokenUpdate; an unlock token of an earlier one is put in, for NanoMDM takes it from nowhere else. */
function withUnlockToken(set: Enrollment): Uint8Array<ArrayBuffer> {
  const raw = rawOf(set, 'tokenUpdate');
  const token = set.of('unlockToken')?.['token'];
  const text = Buffer.from(raw).toString();
  const end = text.lastIndexOf('</dict>');
  if (typeof token !== 'string' || end < 0 || text.includes('<key>UnlockToken</key>')) return raw;
  const key = `<key>UnlockToken</key><data>${token}</data>`;
  return bytesOf(`${text.slice(0, end)}${key}${text.slice(end)}`);
}

/** A SetBootstrapToken as the device would send it. */
function bootstrapMessage(set: Enrollment, token: string): Uint8Array<ArrayBuffer> {
  const isByUdid = Buffer.from(rawOf(set, 'authenticate')).toString().includes('<key>UDID</key>');
  const id = set.id.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return bytesOf(
    `<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict>` +
      `<key>MessageType</key><string>SetBootstrapToken</string>` +
      `<key>${isByUdid ? 'UDID' : 'EnrollmentID'}</key><string>${id}</string>` +
      `<key>BootstrapToken</key><data>${token}</data></dict></plist>\n`,
  );
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text));
}
