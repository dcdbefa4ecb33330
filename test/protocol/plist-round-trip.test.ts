import * as fc from 'fast-check';
import { build, parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { topLevelScan } from '../../server/protocol/plist/scan.ts';
import type { PlistValue } from '../../server/protocol/plist/value.ts';
import { isPlistDict, PlistError, plistTypeOf } from '../../server/protocol/plist/value.ts';
import { recorded } from '../recorded/read.ts';
import { binaryPlist } from './binary-plist.ts';
import { damaged } from './mutations.ts';
import { dictOf, plistValue } from './plist-values.ts';

const wanted = {
  Status: 'string',
  CommandUUID: 'string',
  UDID: 'string',
  ErrorChain: 'array',
  QueryResponses: 'dictionary',
} as const;

/** What the scanner must find, by way of the parser. */
function expectedScan(bytes: Buffer): unknown {
  try {
    const root = parsePlist(bytes, { allowTrailing: true });
    if (!isPlistDict(root)) return 'refused';
    const found: Record<string, string> = {};
    for (const [key, type] of Object.entries(wanted)) {
      const value = root[key];
      if (value === undefined) continue;
      if (plistTypeOf(value) !== type) return 'refused';
      if (typeof value === 'string') found[key] = value;
    }
    return found;
  } catch (error) {
    if (error instanceof PlistError) return 'refused';
    throw error;
  }
}

const scan = topLevelScan(wanted, { allowTrailing: true });

function scanned(bytes: Buffer): unknown {
  try {
    return scan(bytes);
  } catch (error) {
    if (error instanceof PlistError) return 'refused';
    throw error;
  }
}

/** A value's XML without what stands around a root. */
function elementOf(value: PlistValue): string {
  const text = buildPlist(value).toString();
  return text.slice(text.indexOf('<plist version="1.0">') + 21, text.lastIndexOf('</plist>'));
}

const report = buildPlist({
  CommandUUID: 'C-1 & <2>',
  ErrorChain: [{ ErrorCode: 12021, ErrorDomain: 'MCMDMErrorDomain' }],
  QueryResponses: { Status: 'not this one', List: [1.5, 2n ** 60n, true, [], {}] },
  Date: new Date('2026-01-31T12:00:00Z'),
  Data: Buffer.from('hello world, this is data'),
  Status: 'Error',
  UDID: 'U-😀',
});
const corpus = [
  report,
  recorded('DeviceInformation.1.plist'),
  recorded('TokenUpdate.2.plist'),
  recorded('mdm-signature-2.body.plist'),
  Buffer.from('<dict><key>Status</key><string><![CDATA[Idle]]>&#x41;<!-- c --></string></dict>'),
  Buffer.from('<dict><key>Status</key><string>Idle</string></dict>', 'utf16le'),
  binaryPlist(dictOf({ Status: 'Idle', UDID: 'Ü', List: [1, 2n ** 63n, new Date(0)] })),
];

describe('the scanner and the parser', () => {
  it('agree on the corpus', () => {
    for (const bytes of corpus) expect(scanned(bytes)).toEqual(expectedScan(bytes));
    expect(scan(report)).toEqual({ CommandUUID: 'C-1 & <2>', Status: 'Error', UDID: 'U-😀' });
  });

  it('agree on damaged messages, whether they accept or refuse them', () => {
    fc.assert(
      fc.property(damaged(...corpus), (bytes) => {
        expect(scanned(bytes)).toEqual(expectedScan(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('agree on any dictionary', () => {
    const keys = fc.constantFrom(...Object.keys(wanted), 'Other', '__proto__');
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, plistValue), { maxLength: 8 }), (entries) => {
        const inner = entries.map(([key, value]) => `<key>${key}</key>${elementOf(value)}`);
        const bytes = Buffer.from(`<dict>${inner.join('')}</dict>`);
        expect(expectedScan(bytes)).toEqual(scanned(bytes));
      }),
    );
  });

  it('take the last of two equal keys, and its type', () => {
    const twice = (first: string, second: string) =>
      Buffer.from(`<dict><key>Status</key>${first}<key>Status</key>${second}</dict>`);
    expect(scan(twice('<true/>', '<string>b</string>'))).toEqual({ Status: 'b' });
    expect(scanned(twice('<string>b</string>', '<array><string>c</string></array>'))).toBe(
      'refused',
    );
  });

  it('refuse a root that is no dictionary', () => {
    expect(() => scan(Buffer.from('<array/>'))).toThrow(PlistError);
  });
});

describe('writing property lists', () => {
  it('begins exactly as Apple does', () => {
    expect(buildPlist(dictOf({ a: 'b' })).toString()).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
        '<plist version="1.0">\n<dict>\n\t<key>a</key>\n\t<string>b</string>\n</dict>\n</plist>\n',
    );
  });

  it('gives back any value, as XML and as binary', () => {
    fc.assert(
      fc.property(plistValue, (value) => {
        expect(parsePlist(buildPlist(value))).toEqual(value);
        expect(parsePlist(binaryPlist(value))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  it('writes what another reader understands the same', () => {
    const value = {
      text: 'a <b> & "c" 😀',
      list: [1, -2.5, true, false],
      date: new Date('2026-01-31T12:00:00Z'),
      inner: { empty: '' },
    };
    expect(parse(buildPlist(value).toString())).toEqual(value);
  });

  it('reads what another writer wrote', () => {
    const value = { text: 'a <b> & "c" 😀', list: [1, -2.5, true], data: Buffer.from('abc') };
    expect(parsePlist(Buffer.from(build(value)))).toEqual(
      dictOf({ text: value.text, list: value.list, data: value.data }),
    );
  });

  it('refuses texts that XML cannot carry', () => {
    expect(() => buildPlist('\0')).toThrow(RangeError);
    expect(() => buildPlist('\ud800')).toThrow(RangeError);
  });
});
