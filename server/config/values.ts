import { isIP } from 'node:net';
import { z } from 'zod';
import { parseKey } from '../secrets/key-file.ts';
import { isStrongToken } from '../secrets/token.ts';
import type { TextSchema } from './setting.ts';

/** Where to listen. A null host is every address of the machine. */
export interface ListenAddress {
  readonly host: string | null;
  readonly port: number;
}

function urlFrom(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

const fail = (context: z.RefinementCtx) => {
  context.addIssue({ code: 'custom', message: 'wrong' });
  return z.NEVER;
};

/** Makes a schema of a function that answers null for a text it does not take. */
function parsed<T extends {}>(parse: (text: string) => T | null): TextSchema<T> {
  return z.string().transform((text, context) => parse(text) ?? fail(context));
}

export const listenAddress = parsed<ListenAddress>((text) => {
  const match = /^(?:\[([\da-fA-F:.%\w]+)\]|([^\s:[\]/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return null;
  return { host: match[1] || match[2] || null, port };
});

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

export const truth = parsed<boolean>((text) => truths[text.toLowerCase()] ?? null);

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A stretch of time in milliseconds; null is for ever. */
export const retention: TextSchema<number | null> = z.string().transform((text, context) => {
  if (text === 'forever') return null;
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const milliseconds = Number(match?.[1]) * (units[match?.[2] ?? ''] ?? 0) * 1000;
  return milliseconds > 0 ? milliseconds : fail(context);
});

const sizes: Readonly<Record<string, number>> = {
  '': 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** A size in bytes, at least one, at most a gibibyte: bodies are held in memory. */
export const size = parsed<number>((text) => {
  const match = /^(\d{1,12}) ?(|[KMG]i?B)$/.exec(text);
  const bytes = Number(match?.[1]) * (sizes[match?.[2] ?? ''] ?? 0);
  return bytes >= 1 && bytes <= 2 ** 30 ? bytes : null;
});

/** The public base URL: https or http, without query, fragment or credentials; no slash at its end. */
export const baseUrl = parsed<string>((text) => {
  const url = urlFrom(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.host === '') return null;
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    return null;
  return url.origin + url.pathname.replace(/\/+$/, '');
});

/** An upstream server: https or http, without credentials or fragment. */
export const upstreamUrl = parsed<URL>((text) => {
  const url = urlFrom(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.hash !== '') return null;
  return url.username === '' && url.password === '' ? url : null;
});

/** Apple's services and their stand-ins: what they are sent is for nobody else to read. */
export const secureUrl = parsed<URL>((text) => {
  const url = upstreamUrl.safeParse(text);
  return url.success && url.data.protocol === 'https:' ? url.data : null;
});

/** Where devices enrol by account: told to them as it was written, and they take https only. */
export const enrollmentUrl = parsed<string>((text) => {
  const url = upstreamUrl.safeParse(text);
  return url.success && url.data.protocol === 'https:' ? text : null;
});

/** Who makes the tokens of one service. */
export interface TokenServiceUrl {
  readonly tokenServiceType: string;
  readonly url: URL;
}

export const tokenServiceUrl = parsed<TokenServiceUrl>((text) => {
  const [, tokenServiceType = '', address = ''] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
  const url = upstreamUrl.safeParse(address);
  return url.success ? { tokenServiceType, url: url.data } : null;
});

/** An HTTP header's name (RFC 9110, §5.1). */
export const headerName = z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/);

/** An address or a network, such as 10.0.0.0/8. */
export const network = parsed<string>((text) => {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  const size = bits === undefined ? 0 : Number(bits);
  if (family === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
    return null;
  return size <= (family === 4 ? 32 : 128) ? text : null;
});

export const keyKind = z.enum(['rsa', 'ec']);

/** A whole number of days. */
export const days = parsed<number>((text) => {
  const count = Number(/^(\d{1,4})d$/.exec(text)?.[1]);
  return count >= 1 && count <= 3_650 ? count : null;
});

/** A stretch of time in milliseconds, at least a second; null: off. */
export const intervalOrOff: TextSchema<number | null> = z.string().transform((text, context) => {
  if (text === 'off') return null;
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const milliseconds = Number(match?.[1]) * (units[match?.[2] ?? ''] ?? 0) * 1000;
  return milliseconds > 0 ? milliseconds : fail(context);
});

/** A whole number of days; null: never. */
export const daysOrNever: TextSchema<number | null> = z.string().transform((text, context) => {
  if (text === 'never') return null;
  const count = Number(/^(\d{1,3})d$/.exec(text)?.[1]);
  return count >= 1 ? count : fail(context);
});

/** A whole number, at least one, at most a million. */
export const count = parsed<number>((text) => {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= 1_000_000 ? number : null;
});

/** What RFC 2985's challengePassword carries everywhere. */
export const challenge = z.string().regex(/^[!-~]{1,200}$/);

/** X.520's limit for an organisation's name; nothing that a certificate or a page could trip over. */
export const organization = z.string().regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,64}$/u);

export const workers = parsed<number>((text) => {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= 64 ? count : null;
});

export const accessRights = parsed<number>((text) => {
  const rights = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return rights >= 1 && rights <= 8_191 ? rights : null;
});

/** What HTTP Basic carries as a password (RFC 7617, §2). */
export const apiKey = z.string().regex(/^\P{Cc}{1,1024}$/u);

export const password = z.string();
export const hmacKey = z.string().min(1);
export const file = z.string().min(1);

const urlOf = (protocols: RegExp) =>
  parsed<string>((text) => {
    // `user@/database?host=/folder` has no host, which URLs of other kinds must have.
    const url = urlFrom(text) ?? urlFrom(text.replace('@/', '@localhost/'));
    return url && protocols.test(url.protocol) ? text : null;
  });

export const postgresUrl = urlOf(/^postgres(ql)?:$/);
export const redisUrl = urlOf(/^rediss?:$/);

export const redisPrefix = z.string().regex(/^[\w.:-]{1,64}$/);
export const folder = z.string().min(1);
export const httpUrl = urlOf(/^https?:$/);
export const audience = z.string().regex(/^\P{Cc}{1,500}$/u);
export const logLevel = z.enum(['debug', 'info', 'warn', 'error', 'silent']);
export const secretKey = parsed<Buffer>(parseKey);
export const adminToken = z.string().refine(isStrongToken);
