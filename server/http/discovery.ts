import type { Context } from 'koa';
import type { Handler } from './app.ts';

/** Where a device looks on the domain of the account that its user typed (Apple, `WellKnown`). */
const discoveryPath = '/.well-known/com.apple.remotemanagement';

/** Longest account, as for mail addresses (RFC 5321, §4.5.3.1). */
const accountAtMost = 320;

/** Servers that enrol by account, or null where there is none. */
export interface AccountDriven {
  /** User Enrollment, of devices that belong to their users (`mdm-byod`). */
  readonly byod: string | null;
  /** Device Enrollment, of devices that belong to the organisation (`mdm-adde`). */
  readonly adde: string | null;
}

/**
 * Tells devices on which server an account enrols them. Every device is told all of them and takes the
 * version that it asks for; the account and the model decide nothing here.
 * @returns the route, or none when no server is set
 */
export function discoveryRoutes({ byod, adde }: AccountDriven): ReadonlyMap<string, Handler> {
  const servers = [
    ...(byod === null ? [] : [{ Version: 'mdm-byod', BaseURL: byod }]),
    ...(adde === null ? [] : [{ Version: 'mdm-adde', BaseURL: adde }]),
  ];
  if (servers.length === 0) return new Map();
  const answer = JSON.stringify({ Servers: servers });
  return new Map([
    [
      discoveryPath,
      (ctx) => {
        if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
          ctx.status = 405;
          ctx.set('Allow', 'GET, HEAD');
          return;
        }
        if (!namesAnAccount(ctx.querystring)) {
          reject(ctx);
          return;
        }
        ctx.body = answer;
        // As Apple writes it, without a charset: JSON has none.
        ctx.set('Content-Type', 'application/json');
      },
    ],
  ]);
}

/** None at all is how people and monitors ask, and how the file would answer that Apple describes. */
function namesAnAccount(query: string): boolean {
  const accounts = new URLSearchParams(query).getAll('user-identifier');
  const [account] = accounts;
  if (account === undefined) return true;
  return (
    accounts.length === 1 && account.length <= accountAtMost && /^[^@]+@[^@\s]+$/.test(account)
  );
}

/** Apple, `mdm/errors/well-known.failed.yaml`: since iOS 17.5 the message is shown to the user. */
function reject(ctx: Context): void {
  ctx.status = 403;
  ctx.body = JSON.stringify({
    code: 'com.apple.well-known.failed',
    description: 'user-identifier must be one account, such as name@example.com',
    message: 'Enter the account of your organisation, such as name@example.com.',
  });
  ctx.set('Content-Type', 'application/json');
}
