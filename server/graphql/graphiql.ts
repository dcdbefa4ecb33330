import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/**
 * GraphiQL in one page, with everything in it. The policy keeps a browser from fetching anything from
 * anywhere else, whatever the page's scripts name.
 */
const policy = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  'img-src data:',
  'font-src data:',
  "connect-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const firstOperation = `# The token goes into the headers below: { "Authorization": "Bearer <token>" }

{
  enrollments(first: 10) {
    totalCount
    edges { node { enrollmentId serialNumber deviceName enabled lastSeenAt } }
  }
}
`;

/** Whether a browser asks for a page, rather than a program for data. */
export function wantsPage({ method, headers, url }: IncomingMessage): boolean {
  const asks = (method === 'GET' || method === 'HEAD') && !/[?&]query=/.test(url ?? '');
  return asks && (headers.accept ?? '').includes('text/html');
}

/**
 * Makes the function that answers the page. What it is made of takes 30 MB of memory, so it is loaded only when
 * the page is first asked for.
 */
export function createGraphiql(
  endpoint: string,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let made: Promise<Buffer> | undefined;

  async function make() {
    const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
    const page = renderGraphiQL({
      endpoint,
      title: 'graphmdm',
      defaultQuery: firstOperation,
      headers: '{ "Authorization": "Bearer " }',
      subscriptionsProtocol: 'GRAPHQL_SSE',
    });
    return promisify(gzip)(page);
  }

  return async (request, response) => {
    const zipped = await (made ??= make());
    const takesZipped = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
    const page = takesZipped ? zipped : await promisify(gunzip)(zipped);
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': page.length,
      'Content-Security-Policy': policy,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      Vary: 'Accept, Accept-Encoding',
      ...(takesZipped && { 'Content-Encoding': 'gzip' }),
    });
    response.end(request.method === 'HEAD' ? undefined : page);
  };
}
