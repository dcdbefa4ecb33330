import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPkcs12 } from '../../server/pki/pkcs12.ts';

describe('a PKCS #12 file', () => {
  it('gives its certificate as it stood, also when an elliptic-curve authority signed it', () => {
    // Made by OpenSSL: an RSA key, its certificate issued by a P-256 authority, password "open".
    const text = readFileSync(
      join(import.meta.dirname, 'files/rsa-by-ec-authority.p12.b64'),
      'utf8',
    );
    const { certificates, key } = readPkcs12(Buffer.from(text, 'base64'), 'open');
    expect(key.asymmetricKeyType).toBe('rsa');
    expect(certificates.map(({ der }) => createHash('sha256').update(der).digest('hex'))).toEqual([
      'd08b08dafca8a8b1359c606f60511d0b05d8695f1464cf18fa4f3f2bf46bfc20',
    ]);
  });
});
