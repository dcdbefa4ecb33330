import { constants, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BerError } from '../../server/protocol/cms/ber.ts';
import type { ContentCipher } from '../../server/protocol/cms/content-cipher.ts';
import { contentCiphers } from '../../server/protocol/cms/content-cipher.ts';
import { EnvelopeError, openEnvelope, sealEnvelope } from '../../server/protocol/cms/envelope.ts';
import { parseEnvelopedData } from '../../server/protocol/cms/enveloped-data.ts';
import { unwrapKey, wrapKey } from '../../server/protocol/cms/rsa-transport.ts';
import { authority, rsaKeys } from '../protocol/authority.ts';

const content = Buffer.from('what is inside, of no certain length');
const holder = authority(rsaKeys(), 'Recipient');
const other = authority(rsaKeys(), 'Other');
const mine = { certificate: holder.certificate, key: holder.privateKey };
const ciphers = Object.keys(contentCiphers) as readonly ContentCipher[];

/** An RSA block with this beginning and this key at its end. */
function wrappedBlock(key: Buffer, change: (block: Buffer) => void): Buffer {
  const block = Buffer.alloc(256, 0xaa);
  block.set([0, 2]);
  block[255 - key.length] = 0;
  block.set(key, 256 - key.length);
  change(block);
  return publicEncrypt({ key: holder.publicKey, padding: constants.RSA_NO_PADDING }, block);
}

describe('envelopes', () => {
  it.each(ciphers)('come back out of %s', (cipher) => {
    const sealed = sealEnvelope(content, holder.certificate, cipher);
    const opened = openEnvelope(sealed, [mine], () => true);
    expect(opened.content).toEqual(content);
    expect(opened.cipher).toBe(cipher);
  });

  it('are opened by whom of several they are for', () => {
    const theirs = { certificate: other.certificate, key: other.privateKey };
    const sealed = sealEnvelope(content, other.certificate, 'aes-256-cbc');
    expect(openEnvelope(sealed, [mine, theirs], () => true).holder).toBe(theirs);
    expect(() => openEnvelope(sealed, [mine], () => true)).toThrow(EnvelopeError);
  });

  it('are refused in a cipher that is not accepted', () => {
    const sealed = sealEnvelope(content, holder.certificate, 'des-cbc');
    expect(() => openEnvelope(sealed, [mine], (cipher) => cipher !== 'des-cbc')).toThrow(
      'the cipher is not accepted',
    );
  });

  it('in GCM are refused when a bit changed', () => {
    const sealed = sealEnvelope(content, holder.certificate, 'aes-128-gcm');
    const changed = Buffer.from(sealed);
    changed[changed.length - 30] = (changed[changed.length - 30] ?? 0) ^ 1;
    expect(() => openEnvelope(changed, [mine], () => true)).toThrow(EnvelopeError);
  });

  it('are refused when cut off at any octet, and never otherwise than by a refusal', () => {
    const sealed = sealEnvelope(content, holder.certificate, 'aes-128-cbc');
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => parseEnvelopedData(sealed.subarray(0, length))).toThrow(BerError);
    }
  });
});

describe('transported keys', () => {
  const key = randomBytes(16);

  it('come out as they went in', () => {
    expect(unwrapKey(holder.privateKey, wrapKey(holder.publicKey, key), 16)).toEqual(key);
    expect(
      unwrapKey(
        holder.privateKey,
        wrappedBlock(key, () => {}),
        16,
      ),
    ).toEqual(key);
  });

  it.each<[string, (block: Buffer) => void]>([
    ['the block type is another', (block) => block.set([0, 1])],
    ['the first padding octet is zero', (block) => block.fill(0, 2, 3)],
    ['the last padding octet is zero', (block) => block.fill(0, 238, 239)],
    ['the separator is missing', (block) => block.fill(1, 239, 240)],
  ])('become random when %s', (_, change) => {
    const found = unwrapKey(holder.privateKey, wrappedBlock(key, change), 16);
    expect(found).toHaveLength(16);
    expect(found).not.toEqual(key);
  });

  it('become random when they are of another length, or no number that was ever encrypted', () => {
    const long = wrapKey(holder.publicKey, randomBytes(24));
    expect(unwrapKey(holder.privateKey, long, 16)).toHaveLength(16);
    expect(unwrapKey(holder.privateKey, Buffer.alloc(256, 0xff), 16)).toHaveLength(16);
    expect(unwrapKey(holder.privateKey, Buffer.alloc(3), 16)).toHaveLength(16);
  });

  it('are padded so that others read them', () => {
    const block = privateDecrypt(
      { key: holder.privateKey, padding: constants.RSA_NO_PADDING },
      wrapKey(holder.publicKey, key),
    );
    expect([...block.subarray(0, 2)]).toEqual([0, 2]);
    expect(block.subarray(-16)).toEqual(key);
  });
});
