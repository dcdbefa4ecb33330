import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { Socket } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that `HTTPS_PROXY` and `NO_PROXY` (or in lower case, which wins) name for a target.
 * @throws {Error} the proxy is no http or https URL
 */
export function proxyFromEnvironment(target: URL, environment: Environment): URL | null {
  const value = environment['https_proxy'] || environment['HTTPS_PROXY'];
  const except = environment['no_proxy'] ?? environment['NO_PROXY'] ?? '';
  if (!value || isExempt(target, except)) return null;
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    // Without the value: it may hold a password.
    throw new Error('HTTPS_PROXY must be a URL that begins with http:// or https://');
  }
  return url;
}

/** Entries are hosts, with all that is below them, perhaps with a port; `*` is every host. */
function isExempt(target: URL, list: string): boolean {
  const port = target.port || '443';
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    const [, host = '', onlyPort] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (onlyPort !== undefined && onlyPort !== port) return false;
    return target.hostname === host || target.hostname.endsWith(`.${host}`);
  });
}

/**
 * A way through an HTTP proxy (RFC 9110, 9.3.6), with Basic credentials if the proxy's URL has them.
 * @throws {Error} the proxy can't be reached or refuses
 */
export function openTunnel(proxy: URL, target: URL, signal: AbortSignal): Promise<Socket> {
  const authority = `${target.hostname}:${target.port || 443}`;
  const request = proxy.protocol === 'https:' ? requestSecure : requestPlain;
  return new Promise((resolve, reject) => {
    const asked = request({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...authorization(proxy) },
      agent: false,
      signal,
    });
    asked.once('connect', (answer, socket: Socket, head) => {
      if (answer.statusCode !== 200) {
        socket.destroy();
        reject(new Error(`the proxy answered ${answer.statusCode} to CONNECT`));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asked.once('response', (answer) => {
      answer.destroy();
      reject(new Error(`the proxy answered ${answer.statusCode} to CONNECT`));
    });
    asked.once('error', reject);
    asked.end();
  });
}

function authorization(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
