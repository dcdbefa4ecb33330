import type { PoolClient } from 'pg';

// The tags of the invitation that a certificate was issued on take the place of those from the
// enrolment before. Without an invitation, or when it brings none, all stay as they are.
const text = `
with invitation as materialized (
  select v.id, v.tags, e.tenant_id, e.id as enrollment_id
  from issued_certificate i
  join enrollment_invitation v on v.id = i.invitation_id and v.tags <> '{}'
  join enrollment e on e.key = $1 and e.tenant_id = v.tenant_id
  where i.sha256 = $2
), removed as (
  delete from enrollment_tag x using invitation
  where x.enrollment_key = $1 and x.tag <> all(invitation.tags)
  returning x.tag
), added as (
  insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
  select tenant_id, unnest(tags), enrollment_id, $1 from invitation
  on conflict do nothing
  returning tag
)
select invitation.id as invitation_id, array(select tag from added order by tag) as added,
  array(select tag from removed order by tag) as removed
from invitation`;

/** How an invitation has changed a device's tags. */
export interface InvitationTags {
  readonly invitationId: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/**
 * Gives a device that enrols anew the tags of its invitation in place of its own.
 * @returns null when nothing has changed
 */
export async function replaceTagsByInvitation(
  client: PoolClient,
  enrollmentKey: string,
  certificateSha256: Buffer,
): Promise<InvitationTags | null> {
  const { rows } = await client.query<{
    invitation_id: string;
    added: string[];
    removed: string[];
  }>({ name: 'replace-tags-by-invitation', text, values: [enrollmentKey, certificateSha256] });
  const row = rows[0];
  if (row === undefined || row.added.length + row.removed.length === 0) return null;
  return { invitationId: row.invitation_id, added: row.added, removed: row.removed };
}
