import { decodeQR } from 'qr/decode.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EnrollServer, type Invited, startEnrollServer } from './enroll-server.ts';

let server: EnrollServer;
let invited: Invited;

beforeAll(async () => {
  server = await startEnrollServer({ flags: ['--organization', 'A & <b>B</b> "C"'] });
  invited = await server.invite();
});
afterAll(() => server.stop());

describe('the page of an invitation', () => {
  it('needs nothing but itself: no script, no address but its own', async () => {
    const page = await fetch(invited.url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    const text = await page.text();
    const addresses = [...text.matchAll(/\b[a-z]+:\/\/[^\s"'<>]+/g)].map(([address]) => address);
    expect([...new Set(addresses)].toSorted()).toEqual(
      [`${invited.url}/profile`, 'http://www.w3.org/2000/svg'].toSorted(),
    );
    expect(text).not.toMatch(/<script|\bon\w+=|\bsrc=|@import|url\(/);
  });

  it('is not kept, and tells nobody where one came from', async () => {
    for (const path of ['', '/profile']) {
      const { headers } = await fetch(`${invited.url}${path}`);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('has a button that gets the profile, as what Apple’s browsers take for one', async () => {
    const text = await (await fetch(invited.url)).text();
    const [, href = ''] = /<a class="button" href="([^"]+)"/.exec(text) ?? [];
    const profile = await fetch(href);
    expect(profile.headers.get('content-type')).toBe('application/x-apple-aspen-config');
    expect(profile.headers.get('content-disposition')).toContain('.mobileconfig');
    expect(await profile.text()).toContain('com.apple.mdm');
  });

  it('has a QR code that readers read as its address', async () => {
    const text = await (await fetch(invited.url)).text();
    expect(decodeQR(bitmapOf(text))).toBe(invited.url.href);
  });

  it('shows the organisation as text, whatever it is called', async () => {
    const text = await (await fetch(invited.url)).text();
    expect(text).toContain('A &amp; &lt;b&gt;B&lt;/b&gt; &quot;C&quot;');
    expect(text).not.toContain('<b>');
  });
});

/** Draws the page's SVG, which is a path of unit squares, four pixels for each. */
function bitmapOf(page: string): { width: number; height: number; data: Uint8Array } {
  const [, size = '', path = ''] =
    /<svg viewBox="0 0 (\d+) \d+"[^>]*><path d="([^"]+)"/.exec(page) ?? [];
  const scale = 4;
  const width = Number(size) * scale;
  const data = new Uint8Array(width * width * 4).fill(255);
  let x = 0;
  let y = 0;
  for (const [, kind, dx, dy] of path.matchAll(/([Mm])(-?\d+) ?(-?\d+)h1v1[Hh]-?\d+Z/g)) {
    x = kind === 'M' ? Number(dx) : x + Number(dx);
    y = kind === 'M' ? Number(dy) : y + Number(dy);
    for (let row = 0; row < scale; row += 1) {
      for (let column = 0; column < scale; column += 1) {
        const at = ((y * scale + row) * width + x * scale + column) * 4;
        data.fill(0, at, at + 3);
      }
    }
  }
  return { width, height: width, data };
}
