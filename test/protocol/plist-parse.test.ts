import { describe, expect, it } from 'vitest';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistLimits } from '../../server/protocol/plist/value.ts';
import { PlistError } from '../../server/protocol/plist/value.ts';
import { recorded } from '../recorded/read.ts';
import { dictOf } from './plist-values.ts';

const doctype =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">';

function read(text: string | Buffer, limits?: PlistLimits) {
  return parsePlist(Buffer.from(text as string), limits);
}

function refusal(text: string | Buffer, limits?: PlistLimits): string {
  try {
    read(text, limits);
  } catch (error) {
    if (error instanceof PlistError) return error.code;
    throw error;
  }
  return 'accepted';
}

const root = (inner: string) => `<plist version="1.0">${inner}</plist>`;

describe('reading XML property lists', () => {
  it('reads what a real device sends', () => {
    expect(read(recorded('TokenUpdate.2.plist'))).toEqual(
      dictOf({
        AwaitingConfiguration: false,
        MessageType: 'TokenUpdate',
        PushMagic: '888CEB39-BFFA-40F6-89FA-B60752EB63C2',
        Token: Buffer.from('G6fJAGbFD3domiTzpCXK9oowD3KeiORgqUFgItXWQsw=', 'base64'),
        Topic: 'com.apple.mgmt.External.e0bd1eac-1f17-4c8e-8a63-dd17d3dd35d9',
        UDID: '66ADE930-5FDF-5EC4-8429-15640684C489',
      }),
    );
  });

  it.each([
    [
      'leading blank lines',
      `\n\n <?xml version="1.0" encoding="UTF-8"?>${root('<string>a</string>')}`,
    ],
    ['no declaration', root('<string>a</string>')],
    ['no plist element', '<string>a</string>'],
    ['a DOCTYPE', `<?xml version="1.0"?>\n${doctype}\n${root('<string>a</string>')}`],
    ['CDATA', root('<string><![CDATA[a]]></string>')],
    ['a comment inside a text', root('<string><!-- x -->a<!-- < & > --></string>')],
    ['comments around', `<!-- x -->${root('<!-- y --><string>a</string><!-- z -->')}<!-- w -->`],
    ['attributes', `<plist version='1.0' x="y>z"><string a = "b">a</string ></plist >`],
    ['trailing blanks and NULs', `${root('<string>a</string>')} \n\0\0`],
    ['a byte order mark', `\ufeff${root('<string>a</string>')}`],
    ['a decimal reference', root('<string>&#97;</string>')],
    ['a hexadecimal reference', root('<string>&#x61;</string>')],
    ['a processing instruction', `<?x y?>${root('<string>a</string>')}`],
  ])('accepts %s', (_, text) => {
    expect(read(text)).toBe('a');
  });

  it('resolves the five entities and normalises line ends', () => {
    expect(read('<string>&lt;&gt;&amp;&quot;&apos;&amp;lt;\r\n\r&#13;</string>')).toBe(
      '<>&"\'&lt;\n\n\r',
    );
  });

  it('does not trim strings and keys', () => {
    expect(read('<dict><key> a </key><string> b\t</string></dict>')).toEqual(
      dictOf({ ' a ': ' b\t' }),
    );
  });

  it('lets the last of two equal keys win', () => {
    expect(read('<dict><key>a</key><true/><key>a</key><string>b</string></dict>')).toEqual(
      dictOf({ a: 'b' }),
    );
  });

  it('makes dictionaries without a prototype', () => {
    const dict = read('<dict><key>__proto__</key><dict><key>x</key><true/></dict></dict>');
    expect(Object.getPrototypeOf(dict)).toBeNull();
    expect(Object.keys(dict)).toEqual(['__proto__']);
    expect(Reflect.get({}, 'x')).toBeUndefined();
  });

  it.each([
    ['<integer>42</integer>', 42],
    ['<integer> -7\n</integer>', -7],
    ['<integer>+7</integer>', 7],
    ['<integer>-0</integer>', 0],
    ['<integer>0x1F</integer>', 31],
    ['<integer>-0x10</integer>', -16],
    ['<integer>9007199254740991</integer>', 9007199254740991],
    ['<integer>9007199254740993</integer>', 9007199254740993n],
    ['<integer>18446744073709551615</integer>', 18446744073709551615n],
    ['<integer>-9223372036854775808</integer>', -9223372036854775808n],
    ['<real>1.5</real>', 1.5],
    ['<real>-1e3</real>', -1000],
    ['<real>.5</real>', 0.5],
    ['<real>+infinity</real>', Infinity],
    ['<real>-inf</real>', -Infinity],
    ['<real>nan</real>', Number.NaN],
    ['<true/>', true],
    ['<true></true>', true],
    ['<false />', false],
    ['<string/>', ''],
    ['<array/>', []],
    ['<dict/>', dictOf({})],
    ['<data/>', Buffer.alloc(0)],
    ['<data>\n\taGVs\n\tbG8=\n</data>', Buffer.from('hello')],
    ['<data>aGVs&#10;bG8=</data>', Buffer.from('hello')],
    ['<date>2026-01-31T12:34:56Z</date>', new Date('2026-01-31T12:34:56Z')],
    ['<date>2026-01-31T12:34:56.789Z</date>', new Date('2026-01-31T12:34:56.789Z')],
    ['<date>2026-01-31T12:34:56+02:00</date>', new Date('2026-01-31T10:34:56Z')],
    ['<date>0001-01-01T00:00:00Z</date>', new Date('0001-01-01T00:00:00Z')],
    ['<date>2024-02-29T00:00:00Z</date>', new Date('2024-02-29T00:00:00Z')],
  ])('reads %s', (text, value) => {
    expect(read(text)).toEqual(value);
    expect(read(root(`<dict><key>a</key>${text}</dict>`))).toEqual(dictOf({ a: value }));
  });

  it.each([
    ['<integer>abc</integer>', 'bad-integer'],
    ['<integer>1.5</integer>', 'bad-integer'],
    ['<integer/>', 'bad-integer'],
    ['<integer>18446744073709551616</integer>', 'bad-integer'],
    ['<integer>-9223372036854775809</integer>', 'bad-integer'],
    [`<integer>${'9'.repeat(100_000)}</integer>`, 'bad-integer'],
    ['<real>1,5</real>', 'bad-real'],
    ['<real>0x10</real>', 'bad-real'],
    ['<real>1e999</real>', 'bad-real'],
    ['<real/>', 'bad-real'],
    ['<date>2026-02-30T00:00:00Z</date>', 'bad-date'],
    ['<date>2026-01-01 00:00:00</date>', 'bad-date'],
    ['<date/>', 'bad-date'],
    ['<data>a</data>', 'bad-data'],
    ['<data>aGVsbG8</data>', 'bad-data'],
    ['<data>aGVs=bG8</data>', 'bad-data'],
    ['<data>====</data>', 'bad-data'],
    ['<data>aG_s</data>', 'bad-data'],
    ['<true>x</true>', 'syntax'],
    ['<string>&nbsp;</string>', 'entity'],
    ['<string>&lt</string>', 'entity'],
    ['<string>&constructor;</string>', 'entity'],
    ['<string>&#0;</string>', 'entity'],
    ['<string>&#1;</string>', 'entity'],
    ['<string>&#xD800;</string>', 'entity'],
    ['<string>&#x110000;</string>', 'entity'],
    ['<string>\x01</string>', 'character'],
    ['<string>\ufffe</string>', 'character'],
    ['<string><b>x</b></string>', 'syntax'],
    ['<dict><string>a</string></dict>', 'syntax'],
    ['<dict><key>a</key></dict>', 'syntax'],
    ['<dict><key>a</key><key>b</key></dict>', 'syntax'],
    ['<dict><key>a</key>x<true/></dict>', 'syntax'],
    ['<array><true/></dict>', 'syntax'],
    ['<array><key>a</key></array>', 'syntax'],
    ['<key>a</key>', 'syntax'],
    ['<Dict/>', 'syntax'],
    ['<uid/>', 'syntax'],
    ['<string a=b>c</string>', 'syntax'],
    ['<array>', 'syntax'],
  ])('refuses %s', (text, code) => {
    expect(refusal(root(text))).toBe(code);
    expect(refusal(root(`<dict><key>a</key>${text}</dict>`))).toBe(code);
  });

  it.each([
    ['nothing', '', 'not-a-plist'],
    ['blanks', ' \n', 'not-a-plist'],
    ['JSON', '{"a":1}', 'not-a-plist'],
    ['OpenStep', '( a, b )', 'not-a-plist'],
    ['an empty plist', '<plist/>', 'not-a-plist'],
    ['another empty plist', '<plist version="1.0"> </plist>', 'not-a-plist'],
    ['two roots', '<plist><true/><true/></plist>', 'syntax'],
    ['something after the root', '<true/>x', 'trailing'],
    ['a cut-off root', '<plist><dict><key>a', 'truncated'],
    ['a missing end', '<plist><true/>', 'truncated'],
    ['an endless comment', '<!-- <plist><true/></plist>', 'truncated'],
    [
      'another declared encoding',
      '<?xml version="1.0" encoding="ISO-8859-1"?><true/>',
      'bad-encoding',
    ],
    ['UTF-16 declared in UTF-8', '<?xml version="1.0" encoding="UTF-16"?><true/>', 'bad-encoding'],
    ['bytes that are no UTF-8', Buffer.from('<string>\xff</string>', 'latin1'), 'bad-encoding'],
    ['a DOCTYPE in the wrong place', '<plist><!DOCTYPE plist><true/></plist>', 'syntax'],
  ])('refuses %s', (_, text, code) => {
    expect(refusal(text)).toBe(code);
  });

  it('refuses declared entities, however they hide', () => {
    const laughs = '<!ENTITY a "&b;&b;&b;&b;"><!ENTITY b "lol">';
    for (const head of [
      `<!DOCTYPE plist [${laughs}]>`,
      `<!DOCTYPE plist PUBLIC "x" "y" [${laughs}]>`,
      `<!DOCTYPE plist SYSTEM "x>y" [${laughs}]>`,
    ]) {
      expect(['doctype', 'not-a-plist', 'syntax']).toContain(
        refusal(`${head}<string>&a;</string>`),
      );
    }
  });

  it('reads UTF-16 with and without a mark, and with its declaration', () => {
    const text = '<?xml version="1.0" encoding="UTF-16"?><plist><string>Ä😀</string></plist>';
    const little = Buffer.from(text, 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const bytes of [
      little,
      big,
      Buffer.concat([Buffer.from([0xff, 0xfe]), little]),
      Buffer.concat([Buffer.from([0xfe, 0xff]), big]),
    ]) {
      expect(read(bytes)).toBe('Ä😀');
    }
    expect(refusal(big.subarray(0, -1))).toBe('bad-encoding');
    expect(refusal(Buffer.from('<string>\ud800</string>', 'utf16le'))).toBe('bad-encoding');
  });

  it('passes over anything behind the root of a device message', () => {
    const limits = { allowTrailing: true };
    expect(read('<dict><key>a</key><string>ä</string></dict><<&;\0', limits)).toEqual(
      dictOf({ a: 'ä' }),
    );
    const bytes = Buffer.concat([
      Buffer.from(root('<string>ä</string>')),
      Buffer.from([0xff, 0x00]),
    ]);
    expect(read(bytes, limits)).toBe('ä');
    expect(refusal(bytes)).toBe('bad-encoding');
    expect(refusal(Buffer.from('<string>\xff</string>', 'latin1'), limits)).toBe('bad-encoding');
  });

  it('lets 512 levels pass and refuses more, even 100,000, without exhausting the stack', () => {
    const nested = (levels: number) => '<array>'.repeat(levels) + '</array>'.repeat(levels);
    expect(refusal(nested(512))).toBe('accepted');
    expect(refusal(nested(513))).toBe('too-deep');
    expect(refusal(nested(100_000))).toBe('too-deep');
    expect(refusal(`<dict><key>a</key>${nested(511)}</dict>`)).toBe('accepted');
    expect(refusal('<dict><key>a</key>'.repeat(100_000))).toBe('too-deep');
  });

  it('refuses more values than its limit', () => {
    const list = (size: number) => `<array>${'<true/>'.repeat(size)}</array>`;
    expect(refusal(list(9), { values: 10 })).toBe('accepted');
    expect(refusal(list(10), { values: 10 })).toBe('too-many-values');
  });
});
