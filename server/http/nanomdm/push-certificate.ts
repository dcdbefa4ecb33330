import type { Context } from 'koa';
import type { CertificateTerm } from '../../mdm/push-certificates/any-topic.ts';
import { UserError } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { Refusal } from '../../model/refusal.ts';
import type { Handler } from '../app.ts';
import { readBody } from '../body.ts';
import { plainError } from '../plain-error.ts';
import { sendJson } from './answer.ts';

export interface PushCertificateRouteOptions {
  /** @param pem certificate and key. @throws {UserError} what is wrong with them */
  readonly upload: (pem: string) => Promise<CertificateTerm>;
  readonly find: (topic: string) => Promise<CertificateTerm | null>;
  readonly log: Log;
}

/** Certificate, key and chain in PEM. */
const bodyLimit = 256 * 1024;

/** `/v1/pushcert`: PUT takes a certificate with its key, GET tells when a topic's ends. */
export function pushCertificateRoute({ upload, find, log }: PushCertificateRouteOptions): Handler {
  return async (ctx) => {
    try {
      if (ctx.method === 'PUT') {
        const pem = await readBody(ctx.req, bodyLimit);
        sendTerm(ctx, await upload(pem.toString('utf8')));
      } else if (ctx.method === 'GET') {
        await get(ctx);
      } else {
        ctx.set('Allow', 'GET, PUT');
        plainError(ctx, 405);
      }
    } catch (error) {
      const isCallers = error instanceof UserError || error instanceof Refusal;
      if (!isCallers) log.error({ err: error }, 'a request of the NanoMDM API failed');
      const words = isCallers
        ? error.message
        : 'the server could not do this now; its log says why';
      sendJson(ctx, isCallers ? 400 : 500, { error: words });
    }
  };

  async function get(ctx: Context): Promise<void> {
    const topic = new URLSearchParams(ctx.querystring).get('topic') ?? '';
    if (topic === '') {
      return sendJson(ctx, 400, { error: 'missing required query parameter: topic' });
    }
    const found = await find(topic.replaceAll('\0', '\ufffd'));
    if (found === null) {
      return sendJson(ctx, 500, { error: `there is no push certificate for the topic ${topic}` });
    }
    return sendTerm(ctx, found);
  }
}

function sendTerm(ctx: Context, { notAfter, topic }: CertificateTerm): void {
  // RFC 3339 without fractions, as Go writes it.
  sendJson(ctx, 200, { not_after: notAfter.toISOString().replace(/\.\d+Z$/, 'Z'), topic });
}
