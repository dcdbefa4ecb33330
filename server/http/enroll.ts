import type { Context } from 'koa';
import { encodeQR } from 'qr';
import type { Log } from '../model/log.ts';
import type { Metrics } from '../model/metrics.ts';
import { traceIdFrom, withTraceId } from '../model/trace.ts';
import type { InvitationState } from '../mdm/enroll/open-invitation.ts';
import type { MadeProfile } from '../mdm/enroll/enrollment-profile.ts';
import { answerPage, Html, html } from './html.ts';
import { plainError } from './plain-error.ts';

/** Where invitations' pages are; the rest of the path is the challenge. */
export const enrollPrefix = '/enroll/';

export interface EnrollPagesOptions {
  readonly organization: string;
  /** @param challenge  what stands in the address */
  readonly invitation: (challenge: string) => Promise<InvitationState>;
  readonly profile: (open: InvitationState & { readonly state: 'open' }) => Promise<MadeProfile>;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * The pages of invitations: `/enroll/<challenge>` for people, `/enroll/<challenge>/profile` for the
 * device. Whoever has the address has the challenge, so none of it is kept by caches, told to others
 * or logged.
 */
export function enrollPages(options: EnrollPagesOptions): (ctx: Context) => Promise<void> {
  const { organization, log } = options;
  const requests = options.metrics.counter(
    'graphmdm_enrollment_pages_total',
    'Requests for invitations’ pages and profiles, by what was asked for and status',
    ['what', 'status'],
  );

  return async (ctx) => {
    const [challenge = '', what, ...more] = ctx.path.slice(enrollPrefix.length).split('/');
    const wantsProfile = what === 'profile';
    const traceId = traceIdFrom(ctx.get('traceparent') || undefined);
    await withTraceId(traceId, async () => {
      try {
        if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
          ctx.set('Allow', 'GET, HEAD');
          plainError(ctx, 405);
        } else if (more.length > 0 || (what !== undefined && !wantsProfile)) {
          unknown(ctx);
        } else {
          await answer(ctx, challenge, wantsProfile);
        }
      } catch (error) {
        fail(ctx, error);
      }
    });
    requests({ what: wantsProfile ? 'profile' : 'page', status: String(ctx.status) });
  };

  async function answer(ctx: Context, challenge: string, wantsProfile: boolean): Promise<void> {
    const invitation = await options.invitation(challenge);
    switch (invitation.state) {
      case 'unknown':
        return unknown(ctx);
      case 'ended':
        return page(
          ctx,
          410,
          'This invitation has ended',
          html`<p>${invitation.why}</p>
<p>Ask whoever sent it for a new one.</p>`,
        );
      case 'not-ready':
        log.warn({ reason: invitation.why }, 'an invitation cannot be used yet');
        return page(ctx, 503, 'This server is not ready yet', html`<p>${invitation.why}</p>`);
      case 'open':
        return wantsProfile
          ? sendProfile(ctx, await options.profile(invitation))
          : page(ctx, 200, `Enrol in ${organization}`, invitationPage(invitation.url));
    }
  }

  function page(ctx: Context, status: number, title: string, content: Html): void {
    answerPage(ctx, status, title, content);
  }

  function unknown(ctx: Context): void {
    page(
      ctx,
      404,
      'There is no such invitation',
      html`<p>Check that the whole address was taken over, or ask for a new invitation.</p>`,
    );
  }

  function fail(ctx: Context, error: unknown): void {
    const away = options.isUnavailable(error);
    log.error({ err: error }, 'an invitation’s page failed');
    if (away) ctx.set('Retry-After', '30');
    plainError(ctx, away ? 503 : 500);
  }

  function invitationPage(url: string): Html {
    // The code is made of rectangles only: nothing of the address stands in it as text.
    const code = new Html(encodeQR(url, 'svg', { ecc: 'medium', border: 2 }));
    return html`<p>With this profile ${organization} manages your device: it can look at its settings and apps,
set it up, lock it and erase it. You can remove the profile again in the settings.</p>
<a class="button" href="${url}/profile">Download the profile</a>
<ol>
<li>On a Mac, open the downloaded profile, then go to System Settings &gt; General &gt; Device Management.
On an iPhone or iPad, allow the download, then open Settings &gt; Profile Downloaded.</li>
<li>Look at who signed it, and install it.</li>
</ol>
<figure>
<div class="code" role="img" aria-label="QR code of the address of this page">${code}</div>
<figcaption>To enrol another device, point its camera at the code.</figcaption>
</figure>`;
  }
}

/** What Apple's browsers take as a profile. */
function sendProfile(ctx: Context, { mobileconfig }: MadeProfile): void {
  ctx.status = 200;
  ctx.set({
    'Content-Type': 'application/x-apple-aspen-config',
    'Content-Disposition': 'attachment; filename="enrollment.mobileconfig"',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
  });
  ctx.body = mobileconfig;
}
