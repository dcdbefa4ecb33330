import * as fc from 'fast-check';
import { build, parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import { scanPlain } from '../../server/protocol/plist/plain-scan.ts';
import { topLevelScan } from '../../server/protocol/plist/scan.ts';
import type { PlistDict, PlistValue } from '../../server/protocol/plist/value.ts';
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

const runs = process.env['GRAPHMDM_SOAK'] ? 300_000 : 2_000;

const everyType =
  '<key>a</key>\n\t<integer>-12</integer><key>b</key><integer>18446744073709551615</integer>' +
  '<key>c</key><real>1.5e3</real> <key>d</key><date>2026-01-31T12:00:00Z</date><key>e</key><true/>' +
  '<key>f</key><false/><key>g</key><data>\n\taGVs\n\tbG8=\n</data><key>h</key><data/>' +
  '<key>i</key><array/><key>j</key><dict/><key>k</key><string/><key>l</key><integer>0x1F</integer>' +
  '<key>m</key><array><dict><key>n</key><array> <string>o</string>\r\n</array></dict></array>';

function plainly(inner: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">\n<dict>${inner}</dict>\n</plist>\n`;
}

/** Property lists in plain form, small enough that damage hits everything. */
const plain = [
  plainly(everyType),
  plainly('<key>Status</key><string>Idle</string><key>UDID</key><string>Ü &amp; 😀</string>'),
  plainly(
    '<key>UDID</key><string/><key>Status</key><string>a</string><key>Status</key><string>b</string>',
  ),
  plainly('<key>ErrorChain</key><array><dict/></array><key>QueryResponses</key><dict></dict>'),
].map((text) => Buffer.from(text));

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

  it('agree on all that the shortcut for plain property lists takes', () => {
    const bounds = { depth: 4, values: 20, allowTrailing: false };
    const keySet = new Set(Object.keys(wanted));
    const key = fc.constantFrom(...keySet, 'Other', '&amp;', 'Ü', '<!-- -->');
    const oddity = fc.constantFrom(
      ...[
        '<string> a &lt; </string>',
        '<string>\r</string>',
        '<string>\x02</string>',
        '<!-- --><true/>',
      ],
      ...['<integer> 1</integer>', '<integer>+1</integer>', '<integer>-</integer>', '<integer/>'],
      ...[
        '<data>aGVsbG8=</data>',
        '<data>aGVs=bG8</data>',
        '<data>aGVsbG8= =</data>',
        '<data>====</data>',
      ],
      ...[
        '<data>aGVsbA==</data>',
        '<data>&#10;</data>',
        '<real>.5</real>',
        '<real>x</real>',
        '<real/>',
      ],
      ...[
        '<date>2026-01-31T12:00:00+02:00</date>',
        '<date/>',
        '<true></true>',
        '<false />',
        '<array >',
      ],
      ...[
        '</array>',
        '<array><array><array><array/></array></array></array>',
        '<dict><true/></dict>',
      ],
      ...[
        '<string>\ufffe</string>',
        '<string>&quot;&apos;&nbsp;</string>',
        '',
        '<key>x</key>',
        ' ',
      ],
    );
    const value = fc.oneof(oddity, plistValue.map(elementOf), plistValue.map(elementOf));
    let taken = 0;
    const agree = (bytes: Buffer): void => {
      const found = scanPlain(bytes, bounds, keySet);
      if (found === null) return;
      taken += 1;
      const root = parsePlist(bytes, bounds);
      if (!isPlistDict(root)) throw new Error('no dictionary');
      const typesOf = (dict: PlistDict) =>
        Object.entries(dict).flatMap(([name, one]) =>
          keySet.has(name) ? [name, plistTypeOf(one)] : [],
        );
      expect(typesOf(found).sort()).toEqual(typesOf(root).sort());
      for (const [name, one] of Object.entries(found)) {
        if (typeof one === 'string') expect(one).toBe(root[name]);
      }
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 4 }), (entries) =>
        agree(Buffer.from(plainly(entries.map(([k, v]) => `<key>${k}</key>${v}`).join('\n\t')))),
      ),
      { numRuns: runs },
    );
    fc.assert(fc.property(damaged(...plain), agree), { numRuns: runs });
    // Had few been taken, little would have been compared.
    expect(taken).toBeGreaterThan(runs / 10);
  }, 600_000);

  it.each([
    ['what we write', report.toString().replaceAll('&', '+')],
    ['what real devices send', recorded('DeviceInformation.1.plist').toString()],
    [
      'references in what is not wanted',
      plainly('<key>x</key><string>&amp;&lt;&gt;&quot;&apos;</string>'),
    ],
    [
      'texts beyond ASCII',
      plainly('<key>Ünter</key><string>日本 😀</string><key>UDID</key><string>Ü</string>'),
    ],
    ['every type', plainly(everyType)],
    ['a DOCTYPE', plainly('').replace('<plist', '<!DOCTYPE plist PUBLIC "a" "b"><plist')],
    ['no blanks', plainly(everyType).replaceAll(/>\s+</g, '><')],
  ])('find %s plain', (_, text) => {
    const bytes = Buffer.from(text);
    const bounds = { depth: 512, values: 1_000, allowTrailing: true };
    expect(scanPlain(bytes, bounds, new Set(['Nothing']))).toEqual(dictOf({}));
    expect(scanned(bytes)).toEqual(expectedScan(bytes));
  });

  it.each([
    ['a comment', '<key>x</key><!-- y --><true/>'],
    ['CDATA', '<key>x</key><string><![CDATA[y]]></string>'],
    ['an attribute', '<key>x</key><string a="b">y</string>'],
    ['a wide tag', '<key>x</key><string >y</string>'],
    ['a reference by number', '<key>x</key><string>&#97;</string>'],
    ['a key with a reference', '<key>U&#68;ID</key><string>y</string>'],
    ['a wanted text with a reference', '<key>UDID</key><string>&amp;</string>'],
    ['a wanted value of a third type', '<key>UDID</key><true/>'],
    ['a control character', '<key>x</key><string>\x01</string>'],
    ['no character', '<key>x</key><string>\uffff</string>'],
    ['an unknown entity', '<key>x</key><string>&nbsp;</string>'],
    ['a number that is none', '<key>x</key><integer>1x</integer>'],
    ['a number beyond 64 bits', '<key>x</key><integer>99999999999999999999</integer>'],
    ['a date that does not exist', '<key>x</key><date>2026-02-30T00:00:00Z</date>'],
    ['base64 that is cut', '<key>x</key><data>aGVsbG8</data>'],
    ['base64 with too much behind it', '<key>x</key><data>aGVsbG8=x</data>'],
    ['too many values', `<key>x</key><array>${'<true/>'.repeat(1_000)}</array>`],
    ['too deep a nest', `<key>x</key>${'<array>'.repeat(600)}${'</array>'.repeat(600)}`],
    ['ends that cross', '<key>x</key><array><dict></array></dict>'],
    ['a key without a value', '<key>x</key>'],
    ['a value without a key', '<string>x</string>'],
  ])('leave %s to the reader of all forms', (_, inner) => {
    const bounds = { depth: 512, values: 1_000, allowTrailing: true };
    const bytes = Buffer.from(plainly(inner));
    expect(scanPlain(bytes, bounds, new Set(['UDID']))).toBeNull();
    expect(scanned(bytes)).toEqual(expectedScan(bytes));
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
