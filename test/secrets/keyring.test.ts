import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StartupError } from '../../server/model/errors.ts';
import { makeCheckValue, opensCheckValue } from '../../server/secrets/key-check.ts';
import { createKeyFile, parseKey, readKeyFile } from '../../server/secrets/key-file.ts';
import { createKeyring, SealError, sealOverhead } from '../../server/secrets/keyring.ts';

const place = { table: 'command', column: 'raw', row: '42' };
const one = randomBytes(32);
const two = randomBytes(32);

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof SealError ? error.reason : `another error: ${String(error)}`;
  }
  return 'it opened';
}

describe('a keyring', () => {
  it('opens what it sealed, whatever the bytes', () => {
    const keyring = createKeyring([one]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (plain) => {
        const sealed = keyring.seal(place, plain);
        expect(sealed.length).toBe(plain.length + sealOverhead);
        expect(keyring.open(place, sealed).equals(Buffer.from(plain))).toBe(true);
      }),
    );
  });

  it('never seals one value twice into the same bytes', () => {
    const keyring = createKeyring([one]);
    const sealed = Array.from({ length: 100 }, () => keyring.seal(place, Buffer.from('same')));
    expect(new Set(sealed.map((value) => value.toString('hex'))).size).toBe(100);
  });

  it('refuses a value changed at any byte', () => {
    const keyring = createKeyring([one]);
    const sealed = keyring.seal(place, Buffer.from('unlock token'));
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(reasonOf(() => keyring.open(place, changed))).toMatch(/damaged|unknown-key/);
    }
  });

  it('refuses a value cut at any length', () => {
    const keyring = createKeyring([one]);
    const sealed = keyring.seal(place, Buffer.from('unlock token'));
    for (let length = 0; length < sealed.length; length++) {
      expect(reasonOf(() => keyring.open(place, sealed.subarray(0, length)))).toBe('damaged');
    }
  });

  it.each([
    ['table', { ...place, table: 'enrollment' }],
    ['column', { ...place, column: 'body' }],
    ['row', { ...place, row: '43' }],
    ['border between the names', { table: 'command","raw', column: '', row: '42' }],
  ])('refuses a value moved to another %s', (_, elsewhere) => {
    const keyring = createKeyring([one]);
    const sealed = keyring.seal(place, Buffer.from('x'));
    expect(reasonOf(() => keyring.open(elsewhere, sealed))).toBe('damaged');
  });

  it('says that the key is unknown rather than that the value is damaged', () => {
    const sealed = createKeyring([one]).seal(place, Buffer.from('x'));
    expect(reasonOf(() => createKeyring([two]).open(place, sealed))).toBe('unknown-key');
  });

  it('seals with the first key and opens with all of them', () => {
    const before = createKeyring([one]);
    const rotated = createKeyring([two, one]);
    const old = before.seal(place, Buffer.from('old'));
    const fresh = rotated.seal(place, Buffer.from('new'));
    expect(rotated.open(place, old).toString()).toBe('old');
    expect(rotated.needsReseal(old)).toBe(true);
    expect(rotated.needsReseal(fresh)).toBe(false);
    expect(rotated.keyIds).toEqual([createKeyring([two]).keyId, before.keyId]);
    expect(reasonOf(() => before.open(place, fresh))).toBe('unknown-key');
  });

  it('refuses keys of another length, and none at all', () => {
    expect(() => createKeyring([randomBytes(31)])).toThrow(RangeError);
    expect(() => createKeyring([])).toThrow(RangeError);
  });

  it('takes the same key given twice as one', () => {
    expect(createKeyring([one, one]).keyIds).toHaveLength(1);
  });

  it('knows its own check value and no other', () => {
    const keyring = createKeyring([one]);
    const check = makeCheckValue(keyring);
    expect(opensCheckValue(keyring, keyring.keyId, check)).toBe(true);
    expect(opensCheckValue(createKeyring([two, one]), keyring.keyId, check)).toBe(true);
    expect(opensCheckValue(createKeyring([two]), keyring.keyId, check)).toBe(false);
    expect(opensCheckValue(keyring, 'ffffffff', check)).toBe(false);
  });
});

describe('a key file', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'graphmdm-key-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads base64, base64url and hex', () => {
    expect(parseKey(`${one.toString('base64')}\n`)?.equals(one)).toBe(true);
    expect(parseKey(one.toString('base64url'))?.equals(one)).toBe(true);
    expect(parseKey(`  ${one.toString('hex').toUpperCase()} \r\n`)?.equals(one)).toBe(true);
  });

  it.each(['', 'short', 'g'.repeat(64), one.toString('hex').slice(1), `${'A'.repeat(43)}==`])(
    'does not take %j for a key',
    (text) => expect(parseKey(text)).toBeNull(),
  );

  it('is made once, for its owner only, and read back', () => {
    const file = join(folder, 'deeper', 'secret.key');
    const key = createKeyFile(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readKeyFile(file)?.equals(key)).toBe(true);
    expect(() => createKeyFile(file)).toThrow(StartupError);
    expect(readKeyFile(file)?.equals(key)).toBe(true);
  });

  it('that is empty counts as absent and may be made anew', () => {
    const file = join(folder, 'empty.key');
    writeFileSync(file, '', { mode: 0o600 });
    expect(readKeyFile(file)).toBeNull();
    const key = createKeyFile(file);
    expect(readKeyFile(file)?.equals(key)).toBe(true);
  });

  it('with something else inside is refused by name, and what is inside is not told', () => {
    const file = join(folder, 'wrong.key');
    writeFileSync(file, 'my secret words');
    expect(() => readKeyFile(file)).toThrow(/wrong\.key holds no key/);
    expect(() => readKeyFile(file)).not.toThrow(/my secret words/);
    expect(readFileSync(file, 'utf8')).toBe('my secret words');
  });
});

describe('a fingerprint', () => {
  const old = Buffer.alloc(32, 1);
  const fresh = Buffer.alloc(32, 2);

  it('is equal for equal contents only, and is not their plain hash', () => {
    const keyring = createKeyring([old]);
    const content = Buffer.from('PIN 1234');
    expect(keyring.fingerprint(content)).toEqual(keyring.fingerprint(content));
    expect(keyring.isFingerprintOf(keyring.fingerprint(content), content)).toBe(true);
    expect(keyring.isFingerprintOf(keyring.fingerprint(content), Buffer.from('PIN 1235'))).toBe(
      false,
    );
    expect(createKeyring([fresh]).fingerprint(content)).not.toEqual(keyring.fingerprint(content));
  });

  it('is still known after another key has taken over, and not without its own', () => {
    const content = Buffer.from('a command');
    const before = createKeyring([old]).fingerprint(content);
    expect(createKeyring([fresh, old]).isFingerprintOf(before, content)).toBe(true);
    expect(createKeyring([fresh]).isFingerprintOf(before, content)).toBe(false);
  });
});
