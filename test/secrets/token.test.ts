import { describe, expect, it } from 'vitest';
import { hashToken, isStrongToken, newToken } from '../../server/secrets/token.ts';

describe('an API token', () => {
  it('begins with its mark, carries 256 bits, and is new each time', () => {
    const tokens = Array.from({ length: 50 }, newToken);
    for (const token of tokens) expect(token).toMatch(/^gmdm_[\w-]{43}$/);
    expect(new Set(tokens).size).toBe(50);
  });

  it('is stored as its SHA-256', () => {
    expect(hashToken('abc').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('of the operator’s own is taken when nobody can guess it', () => {
    expect(isStrongToken(newToken())).toBe(true);
    expect(isStrongToken('fifteen-letters')).toBe(false);
    expect(isStrongToken('sixteen letters!')).toBe(false);
    expect(isStrongToken('sixteen-letters!')).toBe(true);
  });
});
