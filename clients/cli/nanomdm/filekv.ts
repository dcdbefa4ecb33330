import { createHash } from 'node:crypto';
import { opendir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { base64, type Item, type LeftBehind, type MigrationRecord, type Source } from './source.ts';

/**
 * Opens NanoMDM's filekv storage: a folder for each kind of thing, a file for each key, two levels deep by
 * the first characters of the key. Files are read one after the other; there is no moment that all are of.
 */
export async function openFilekv(folder: string): Promise<Source> {
  const found = await stat(join(folder, 'devices')).catch(() => null);
  if (!found?.isDirectory()) {
    throw new Failure(
      'SOURCE_UNREADABLE',
      'The folder has no devices folder: it is no filekv storage.',
    );
  }
  return { items: () => items(folder), close: async () => {} };
}

async function* items(folder: string): AsyncGenerator<Item> {
  const read = reader(folder);
  for await (const key of read.keys('push_cert', '.pem')) {
    const certificate = await read.text('push_cert', `${key}.pem`);
    const privateKey = await read.text('push_cert', `${key}.key`);
    if (certificate !== null && privateKey !== null) {
      yield { record: { kind: 'pushCertificate', certificate, key: privateKey } };
    }
  }
  for await (const uuid of read.keys('queue', '.raw')) {
    const body = await read.bytes('queue', `${uuid}.raw`);
    const type = await read.text('queue', `${uuid}.req_type`);
    if (body === null) continue;
    const requestType = type ?? undefined;
    // The only thing that tells the order in which commands were made.
    const createdAt = await read.writtenAt('queue', `${uuid}.raw`);
    yield {
      record: { kind: 'command', commandUuid: uuid, requestType, body: base64(body), createdAt },
    };
  }
  for await (const id of read.keys('devices', '.auth')) yield* device(read, id);
  for await (const id of read.keys('users', '.device_ch')) yield* user(read, id);
  for await (const id of read.keys('cert_auth', '.cert_hash')) yield await certificate(read, id);
  for await (const key of read.keys('queue', '.queuekey.queue.first')) yield* queue(read, key);
  for await (const key of read.keys('queue', '.queueitem.status')) {
    const record = await result(read, key);
    if (record !== null) yield { record };
  }
}

async function* device(read: Reader, enrollment: string): AsyncGenerator<Item> {
  const raw = await read.bytes('devices', `${enrollment}.auth`);
  if (raw === null) return;
  if (enrollment.includes(':')) {
    yield left(
      'authenticate',
      enrollment,
      'JUNK_DEVICE',
      "An Authenticate of a user channel left this file; it is no device's.",
    );
    return;
  }
  yield { record: { kind: 'authenticate', enrollment, raw: base64(raw) } };
  yield* channel(read, 'devices', enrollment);
  const unlock = await read.bytes('enrollments', `${enrollment}.unl_tok`);
  if (unlock !== null && unlock.length > 0) {
    yield { record: { kind: 'unlockToken', enrollment, token: base64(unlock) } };
  }
  const bootstrap = await read.bytes('devices', `${enrollment}.bstoken`);
  if (bootstrap !== null && bootstrap.length > 0) {
    yield { record: { kind: 'bootstrapToken', enrollment, token: base64(bootstrap) } };
  }
}

async function* user(read: Reader, enrollment: string): AsyncGenerator<Item> {
  const device = await read.text('users', `${enrollment}.device_ch`);
  if (device === null || (await read.bytes('devices', `${device}.auth`)) === null) {
    yield left('tokenUpdate', enrollment, 'USER_WITHOUT_DEVICE', 'Its device is not there.');
    return;
  }
  for (const name of ['user_auth', 'user_auth_digest']) {
    const raw = await read.bytes('users', `${enrollment}.${name}`);
    if (raw !== null && raw.length > 0) {
      yield { record: { kind: 'userAuthenticate', enrollment, raw: base64(raw) } };
    }
  }
  yield* channel(read, 'users', enrollment);
}

async function* channel(
  read: Reader,
  folder: 'devices' | 'users',
  enrollment: string,
): AsyncGenerator<Item> {
  if ((await read.text('enrollments', `${enrollment}.type`)) === null) return;
  const raw = await read.bytes(folder, `${enrollment}.tok_upd`);
  if (raw === null) {
    const message = 'It is enrolled, but its TokenUpdate is missing.';
    yield left('tokenUpdate', enrollment, 'TOKEN_UPDATE_MISSING', message);
    return;
  }
  yield { record: { kind: 'tokenUpdate', enrollment, raw: base64(raw) } };
  const tally = Number(await read.text('enrollments', `${enrollment}.tok_tal`));
  if (tally > 0) yield { record: { kind: 'tally', enrollment, tokenUpdateTally: tally } };
  const enrolledAt = timeOf(await read.text('enrollments', `${enrollment}.enrolled_at`));
  const lastSeenAt = timeOf(await read.text('enrollments', `${enrollment}.last_seen_at`));
  if (enrolledAt !== undefined || lastSeenAt !== undefined) {
    yield { record: { kind: 'timestamps', enrollment, enrolledAt, lastSeenAt } };
  }
  if (!(await read.isEnabled(enrollment))) yield { record: { kind: 'disabled', enrollment } };
}

async function certificate(read: Reader, enrollment: string): Promise<Item> {
  const kind = 'certificateAssociation';
  if (enrollment.includes(':') || (await read.bytes('devices', `${enrollment}.auth`)) === null) {
    const message = 'No device has the id that this certificate is bound to.';
    return left(kind, enrollment, 'NO_DEVICE', message);
  }
  const sha256 = ((await read.text('cert_auth', `${enrollment}.cert_hash`)) ?? '').toLowerCase();
  const der = await read.bytes('devices', `${enrollment}.cert`);
  const isCurrent = der !== null && createHash('sha256').update(der).digest('hex') === sha256;
  return {
    record: {
      kind,
      enrollment,
      sha256,
      ...(isCurrent && { certificate: base64(der), current: true }),
    },
  };
}

/** Walks the list of one enrolment, from its first entry. */
async function* queue(read: Reader, enrollment: string): AsyncGenerator<Item> {
  const isEnabled = await read.isEnabled(enrollment);
  const seen = new Set<string>();
  let uuid = await read.text('queue', `${enrollment}.queuekey.queue.first`);
  // A command that was enqueued twice for one device leads back to itself.
  while (uuid !== null && uuid !== '' && !seen.has(uuid)) {
    seen.add(uuid);
    const status = await read.text('queue', `${enrollment}.${uuid}.queueitem.status`);
    if (!isEnabled) {
      yield left('queueEntry', enrollment, 'NOT_ENABLED', `${uuid} waits for one that has left.`);
    } else if (status === null || status === 'NotNow') {
      const notNowTally = status === null ? undefined : 1;
      yield { record: { kind: 'queueEntry', enrollment, commandUuid: uuid, notNowTally } };
    }
    uuid = await read.text('queue', `${enrollment}.${uuid}.queueitem.next`);
  }
}

async function result(read: Reader, key: string): Promise<MigrationRecord | null> {
  const status = await read.text('queue', `${key}.queueitem.status`);
  const report = await read.bytes('queue', `${key}.queueitem.report`);
  if (status === null || status === 'NotNow') return null;
  // A CommandUUID has no full stop as a rule, an enrolment's id never.
  const [enrollment = '', ...uuid] = key.split('.');
  return {
    kind: 'result',
    enrollment,
    commandUuid: uuid.join('.'),
    status,
    result: report === null ? undefined : base64(report),
  };
}

function left(kind: string, id: string, code: string, message: string): { leftBehind: LeftBehind } {
  return { leftBehind: { kind, id, code, message } };
}

/** Microseconds since 1970, as decimal text. */
function timeOf(text: string | null): string | undefined {
  return text !== null && /^\d{1,17}$/.test(text)
    ? new Date(Number(text) / 1000).toISOString()
    : undefined;
}

type Folder = 'users' | 'cert_auth' | 'queue' | 'push_cert' | 'devices' | 'enrollments';

interface Reader {
  /** Of all files with this ending, what stands before it. */
  keys(folder: Folder, ending: string): AsyncGenerator<string>;
  /** @returns null when there is no such file */
  bytes(folder: Folder, key: string): Promise<Buffer | null>;
  text(folder: Folder, key: string): Promise<string | null>;
  /** When the file was written, to the nanosecond. */
  writtenAt(folder: Folder, key: string): Promise<string>;
  isEnabled(enrollment: string): Promise<boolean>;
}

const topicPrefix = 'com.apple.mgmt.External.';

function reader(root: string): Reader {
  function path(folder: Folder, key: string): string {
    const isTopic = folder === 'push_cert' && key.startsWith(topicPrefix);
    const name = isTopic ? key.slice(topicPrefix.length) : key;
    return join(root, folder, name.slice(0, 2), name.slice(2, 4), key);
  }

  async function bytes(folder: Folder, key: string): Promise<Buffer | null> {
    try {
      return await readFile(path(folder, key));
    } catch (error) {
      if (Object(error).code === 'ENOENT') return null;
      throw error;
    }
  }
  const text = async (folder: Folder, key: string) =>
    (await bytes(folder, key))?.toString() ?? null;
  return {
    bytes,
    text,
    async writtenAt(folder, key) {
      const { mtimeNs } = await stat(path(folder, key), { bigint: true });
      const seconds = new Date(Number(mtimeNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
      return `${seconds}.${String(mtimeNs % 1_000_000_000n).padStart(9, '0')}Z`;
    },
    isEnabled: async (enrollment) => (await text('enrollments', `${enrollment}.disabled`)) === null,
    async *keys(folder, ending) {
      for await (const { name, isFile } of under(join(root, folder), 2)) {
        if (isFile && name.endsWith(ending)) yield name.slice(0, -ending.length);
      }
    },
  };
}

async function* under(
  folder: string,
  levels: number,
): AsyncGenerator<{ readonly name: string; readonly isFile: boolean }> {
  const entries = await opendir(folder).catch((error: unknown) => {
    if (Object(error).code === 'ENOENT') return null;
    throw error;
  });
  for await (const entry of entries ?? []) {
    if (entry.isDirectory() && levels > 0) yield* under(join(folder, entry.name), levels - 1);
    else yield { name: entry.name, isFile: entry.isFile() };
  }
}
