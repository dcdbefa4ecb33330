import type { EnrollmentProfile } from './enrollment-profile.ts';
import { readEnrollmentProfile } from './enrollment-profile.ts';

const profileType = 'application/x-apple-aspen-config';

/**
 * Gets an enrolment profile as a person does: from the page of an invitation, by its button, or from
 * the profile's own address.
 * @throws there is none, or it is none that a device would install
 */
export async function fetchProfile(url: URL): Promise<EnrollmentProfile> {
  const reply = await fetch(url);
  const body = Buffer.from(await reply.arrayBuffer());
  if (!reply.ok) throw new Error(`${url.origin}${hidden(url)} answered ${reply.status}`);
  const type = reply.headers.get('content-type') ?? '';
  if (type.startsWith(profileType)) return readEnrollmentProfile(body);
  const [, href] = /<a [^>]*href="([^"]+)"/.exec(body.toString('utf8')) ?? [];
  if (href === undefined || !type.startsWith('text/html')) {
    throw new Error(`${url.origin}${hidden(url)} is neither a profile nor a page with one`);
  }
  const profile = new URL(href.replaceAll('&amp;', '&'), url);
  if (profile.href === url.href) throw new Error('the page leads to itself');
  return fetchProfile(profile);
}

/** The path without its secret. */
function hidden({ pathname }: URL): string {
  return pathname.replace(/^(\/[^/]*\/).*/, '$1…');
}
