import type { Context } from 'koa';
import type { EscrowKeyUnlockAnswer, EscrowKeyUnlockInput } from '../../mdm/escrow/unlock.ts';
import { UserError } from '../../model/errors.ts';
import type { Log } from '../../model/log.ts';
import { Refusal } from '../../model/refusal.ts';
import type { Handler } from '../app.ts';
import { readBody } from '../body.ts';
import { sendJson } from './answer.ts';

export interface EscrowKeyUnlockRouteOptions {
  readonly unlock: (
    topic: string,
    unlock: EscrowKeyUnlockInput['unlock'],
  ) => Promise<EscrowKeyUnlockAnswer>;
  readonly log: Log;
}

const bodyLimit = 64 * 1024;

/** `/v1/escrowkeyunlock`: a form that is passed on to Apple, whose status and body are the answer. */
export function escrowKeyUnlockRoute({ unlock, log }: EscrowKeyUnlockRouteOptions): Handler {
  return async (ctx) => {
    try {
      await pass(ctx);
    } catch (error) {
      const isCallers = error instanceof UserError || error instanceof Refusal;
      if (!isCallers) log.error({ err: error }, 'a request of the NanoMDM API failed');
      const words = isCallers
        ? error.message
        : 'the server could not do this now; its log says why';
      sendJson(ctx, 500, { error: words });
    }
  };

  async function pass(ctx: Context): Promise<void> {
    // As Go reads forms: what the body says goes before what the URL says.
    const form = new URLSearchParams((await readBody(ctx.req, bodyLimit)).toString('utf8'));
    const query = new URLSearchParams(ctx.querystring);
    const text = (name: string): string => form.get(name) ?? query.get(name) ?? '';
    // No topic has a NUL, and PostgreSQL takes none.
    const topic = text('topic').replaceAll('\0', '\ufffd');
    if (topic === '') return sendJson(ctx, 400, { error: 'empty topic' });
    const needed = {
      serial: text('serial'),
      productType: text('productType'),
      escrowKey: text('escrowKey'),
      orgName: text('orgName'),
      guid: text('guid'),
    };
    if (Object.values(needed).includes('')) {
      return sendJson(ctx, 400, { error: 'invalid or missing parameters' });
    }
    const [imei, imei2, meid] = [text('imei'), text('imei2'), text('meid')];
    const answer = await unlock(topic, {
      ...needed,
      ...(imei !== '' && { imei }),
      ...(imei2 !== '' && { imei2 }),
      ...(meid !== '' && { meid }),
    });
    ctx.status = answer.status;
    if (answer.contentType !== null) ctx.set('Content-Type', answer.contentType);
    ctx.body = Buffer.from(answer.body);
    if (answer.contentType === null) ctx.remove('Content-Type');
  }
}
