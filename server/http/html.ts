import { createHash } from 'node:crypto';
import type { Context } from 'koa';

/** Markup that is safe to stand in a page as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Writes markup; texts put into it are escaped, in attributes too. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | Html | readonly Html[])[]
): Html {
  const written = values.map((value) => {
    if (value instanceof Html) return value.text;
    if (typeof value === 'string') return value.replace(/[&<>"']/g, (one) => escapes[one] ?? one);
    return value.map(({ text }) => text).join('');
  });
  return new Html(parts.map((part, index) => part + (written[index] ?? '')).join(''));
}

const style = `
:root { color-scheme: light dark; font: 17px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 34rem; padding: 2rem 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.2; }
a.button { background: #0a5bd3; border-radius: .6rem; color: #fff; display: block; font-weight: 600;
  margin: 1.5rem 0; padding: .8rem 1rem; text-align: center; text-decoration: none; }
a.button:focus-visible { outline: 3px solid #f5a623; outline-offset: 3px; }
figure { margin: 2rem 0; } figcaption { font-size: .9rem; margin-top: .5rem; }
.code { background: #fff; border-radius: .6rem; display: inline-block; padding: .5rem; }
.code svg { display: block; height: 12rem; width: 12rem; }
`;
const styleHash = createHash('sha256').update(style).digest('base64');

/** Answers with a page that needs nothing but itself, and that nobody may frame or keep. */
export function answerPage(ctx: Context, status: number, title: string, content: Html): void {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`;
  ctx.status = status;
  ctx.type = 'text/html; charset=utf-8';
  ctx.set({
    'Content-Security-Policy':
      `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; ` +
      "frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
  });
  ctx.body = page.text;
}
