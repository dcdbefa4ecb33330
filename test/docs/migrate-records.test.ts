import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordShapes } from '../../server/mdm/migration/records.ts';
import { packageRoot } from '../../server/store/package-root.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'migrate-records.md'), 'utf8');

/** Members by kind, as the table has them; those that may be left out end in `?`. */
const documented = Object.fromEntries(
  [...page.matchAll(/^\| `(\w+)` \| (.+?) \| .+ \|$/gm)].map(([, kind = '', members = '']) => [
    kind,
    // What a member may be stands in brackets behind it.
    [...members.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+\??)`/g)]
      .map(([, member = '']) => member)
      .toSorted(),
  ]),
);

describe('docs/migrate-records.md', () => {
  it('lists every kind with its members, as they are read', () => {
    const read = Object.fromEntries(
      Object.entries(recordShapes).map(([kind, { shape }]) => [
        kind,
        Object.entries(shape)
          .filter(([member]) => member !== 'kind')
          .map(([member, type]) => (type.safeParse(undefined).success ? `${member}?` : member))
          .toSorted(),
      ]),
    );
    expect(documented).toEqual(read);
  });
});
