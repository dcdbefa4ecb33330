import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enrolByScep } from '../../clients/simulator/scep.ts';
import { fetchProfile } from '../../clients/simulator/enroll.ts';
import { bySse } from '../graph/subscribe.ts';
import { adminToken } from '../harness/server.ts';
import {
  createInvitation,
  follow,
  invitation,
  invitations,
  revokeInvitation,
} from './documents.ts';
import {
  type EnrollServer,
  keyPool,
  shiftedClock,
  startEnrollServer,
  topic,
} from './enroll-server.ts';

const clock = shiftedClock();
const day = 86_400_000;
const [key, otherKey, thirdKey] = keyPool(3);
if (!key || !otherKey || !thirdKey) throw new Error('no keys');
let server: EnrollServer;

beforeAll(async () => {
  server = await startEnrollServer({ clock });
});
afterAll(() => server.stop());

const rows = async (text: string, ...values: unknown[]) =>
  (await server.store.database.graph.query(text, values)).rows;

describe('an invitation', () => {
  it('leads from its page through profile and SCEP to an enrolled device', async () => {
    const invited = await server.invite({ tags: ['lab', 'lab', 'floor 2'], description: 'Lab' });
    const { device, profile } = await server.enrolBy(invited, { key });
    expect(profile.mdm.topic).toBe(topic);
    expect(profile.mdm.serverUrl.href).toBe(server.deviceUrl);
    const [enrolled] = await rows(
      'select enabled, topic, tenant_id from enrollment where id = $1',
      device.enrollmentId,
    );
    expect(enrolled).toEqual({ enabled: true, topic, tenant_id: 1 });
    const tags = await rows(
      'select tenant_id, tag from enrollment_tag where enrollment_id = $1 order by tag',
      device.enrollmentId,
    );
    expect(tags).toEqual([
      { tenant_id: 1, tag: 'floor 2' },
      { tenant_id: 1, tag: 'lab' },
    ]);
    const told = await rows(
      `select v.type, v.data->'added' as added, v.data->>'invitationId' as invitation from event v
       join enrollment e on e.key = v.enrollment_key where e.id = $1 order by v.seq limit 2`,
      device.enrollmentId,
    );
    expect(told).toEqual([
      expect.objectContaining({ type: 'EnrollmentAuthenticated' }),
      { type: 'EnrollmentTagsChanged', added: ['floor 2', 'lab'], invitation: invited.id },
    ]);
    const { enrollmentInvitation } = await server.ask(invitation, { id: invited.id });
    expect(enrollmentInvitation).toMatchObject({ state: 'USED_UP', useCount: 1 });
  });

  it('gives a device that enrols anew its own tags, and leaves them when it brings none', async () => {
    const first = await server.invite({ tags: ['lab', 'both'] });
    const { device } = await server.enrolBy(first, { key });
    const tags = async () =>
      (
        await rows(
          'select tag from enrollment_tag where enrollment_id = $1 order by tag',
          device.enrollmentId,
        )
      ).map(({ tag }) => tag);
    expect(await tags()).toEqual(['both', 'lab']);
    const enrolAgain = async (tagged: string[]) => {
      const invited = await server.invite({ tags: tagged });
      const { scep } = await fetchProfile(invited.url);
      const identity = await enrolByScep(scep, { key: otherKey });
      await (await server.device(0, { facts: device.facts, identity })).enrol();
    };
    await enrolAgain([]);
    expect(await tags()).toEqual(['both', 'lab']);
    await enrolAgain(['both', 'office']);
    expect(await tags()).toEqual(['both', 'office']);
    const told = await rows(
      `select v.data->'added' as added, v.data->'removed' as removed from event v
       join enrollment e on e.key = v.enrollment_key
       where e.id = $1 and v.type = 'EnrollmentTagsChanged' order by v.id`,
      device.enrollmentId,
    );
    expect(told).toEqual([
      { added: ['both', 'lab'], removed: null },
      { added: ['office'], removed: ['lab'] },
    ]);
  });

  it('tells its challenge once, and the database and the log never have it', async () => {
    const { createEnrollmentInvitation: made } = await server.ask(createInvitation, {
      input: { tags: ['one'], topic, idempotencyKey: 'secrecy' },
    });
    if (made.__typename !== 'CreateEnrollmentInvitationPayload') throw new Error('refused');
    const { challenge } = made;
    expect(challenge).toMatch(/^[a-z2-7]{32}$/);
    await (await fetch(`${made.enrollmentUrl}/profile`)).arrayBuffer();
    const tables = await rows(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    );
    for (const { name } of tables) {
      const text = JSON.stringify(await rows(`select t.*::text as row from "${name}" t`));
      expect(text.includes(challenge), name).toBe(false);
      expect(text.includes(Buffer.from(challenge).toString('hex')), name).toBe(false);
    }
    expect(JSON.stringify(server.log)).not.toContain(challenge);
  });

  it('is made once for an idempotency key, and its challenge is told again', async () => {
    const input = { tags: [], topic, idempotencyKey: 'once' };
    const first = await server.ask(createInvitation, { input });
    const second = await server.ask(createInvitation, { input });
    const made = first.createEnrollmentInvitation;
    if (made.__typename !== 'CreateEnrollmentInvitationPayload') throw new Error('refused');
    expect(second.createEnrollmentInvitation).toMatchObject({
      challenge: made.challenge,
      invitation: { invitationId: made.invitation?.invitationId },
      replayed: true,
    });
    const other = await server.ask(createInvitation, { input: { ...input, useLimit: 2 } });
    expect(other.createEnrollmentInvitation).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it.each([
    [{ tags: [''] }, ['input', 'tags', '0']],
    [{ tags: ['two\nlines'] }, ['input', 'tags', '0']],
    [{ tags: Array.from({ length: 51 }, (_, index) => `${index}`) }, ['input', 'tags']],
    [{ useLimit: 0 }, ['input', 'useLimit']],
    [{ expiresAt: '2001-01-01T00:00:00Z' }, ['input', 'expiresAt']],
    [{ expiresAt: '2101-01-01T00:00:00Z' }, ['input', 'expiresAt']],
    [{ description: '' }, ['input', 'description']],
    [{ topic: 'com.example.no-topic' }, ['input', 'topic']],
  ])('is refused with %j', async (wrong, path) => {
    const outcome = await server.ask(createInvitation, { input: { tags: [], topic, ...wrong } });
    expect(outcome.createEnrollmentInvitation).toMatchObject({
      __typename: 'ValidationError',
      path,
    });
  });

  it('has a page that says when it has ended, and no profile any more', async () => {
    const used = await server.invite();
    await server.enrolBy(used, { key: otherKey });
    const revoked = await server.invite();
    const input = { invitationId: revoked.id };
    const { revokeEnrollmentInvitation } = await server.ask(revokeInvitation, { input });
    expect(revokeEnrollmentInvitation).toMatchObject({
      invitation: { state: 'REVOKED', revokedBy: 'token:admin' },
    });
    const expired = await server.invite({ useLimit: null });
    clock.ahead = 8 * day;
    try {
      for (const [{ url }, why] of [
        [used, 'used'],
        [revoked, 'withdrawn'],
        [expired, 'good until'],
      ] as const) {
        const page = await fetch(url);
        expect(page.status).toBe(410);
        expect(await page.text()).toContain(why);
        expect((await fetch(`${url}/profile`)).status).toBe(410);
      }
    } finally {
      clock.ahead = 0;
    }
  });

  it('gets nobody a certificate once it is revoked, expired or used', async () => {
    const invited = await server.invite({ useLimit: null });
    const { scep } = await fetchProfile(invited.url);
    await server.ask(revokeInvitation, { input: { invitationId: invited.id } });
    await expect(enrolByScep(scep, { key: thirdKey })).rejects.toMatchObject({
      failInfo: 'badRequest',
    });
    const late = await server.invite({ useLimit: null });
    const second = await fetchProfile(late.url);
    clock.ahead = 8 * day;
    try {
      await expect(enrolByScep(second.scep, { key: thirdKey })).rejects.toThrow('badRequest');
    } finally {
      clock.ahead = 0;
    }
    const once = await server.invite({ useLimit: 1 });
    const third = await fetchProfile(once.url);
    await enrolByScep(third.scep, { key: thirdKey });
    await expect(enrolByScep(third.scep, { key })).rejects.toThrow('badRequest');
  });

  it('is unknown under another address', async () => {
    const { url } = await server.invite();
    const wrong = ['/enroll/', '/enroll/abc', `${url.pathname}x`, `${url.pathname}/profile/x`];
    for (const path of [...wrong, `${url.pathname}/other`, `${url.pathname}/`]) {
      expect((await fetch(new URL(path, url))).status, path).toBe(404);
    }
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('tells by events that it was made, used and revoked', async () => {
    const { eventCursor } = await server
      .ask(
        // The cursor from before it all.
        createInvitation,
        { input: { tags: [], topic } },
      )
      .then(({ createEnrollmentInvitation: made }) => ({
        eventCursor: 'cursor' in made ? made.cursor : '',
      }));
    const invited = await server.invite({ useLimit: 5 });
    await enrolByScep((await fetchProfile(invited.url)).scep, { key: thirdKey });
    await server.ask(revokeInvitation, { input: { invitationId: invited.id } });
    const stream = await bySse(server.graph, adminToken, follow, { after: eventCursor });
    const seen = [];
    for (let left = 4; left > 0; left -= 1) seen.push((await stream.next()).value.data?.events);
    await stream.close();
    expect(seen).toMatchObject([
      { __typename: 'EnrollmentInvitationCreatedEvent' },
      { __typename: 'EnrollmentInvitationCreatedEvent', invitationId: invited.id },
      {
        __typename: 'CertificateIssuedEvent',
        invitationId: invited.id,
        renewalOf: null,
        subject: 'CN=MDM device identity,O=graphmdm',
        actor: 'system',
      },
      {
        __typename: 'EnrollmentInvitationRevokedEvent',
        invitationId: invited.id,
        actor: 'token:admin',
      },
    ]);
  });

  it('is listed by pages, the newest first', async () => {
    await server.invite({ description: 'older' });
    await server.invite({ description: 'newer' });
    const first = (await server.ask(invitations, { first: 1 })).enrollmentInvitations;
    expect(first.edges.map(({ node }) => node.description)).toEqual(['newer']);
    expect(first.pageInfo.hasNextPage).toBe(true);
    const after = first.edges[0]?.cursor ?? '';
    const second = (await server.ask(invitations, { first: 1, after })).enrollmentInvitations;
    expect(second.edges.map(({ node }) => node.description)).toEqual(['older']);
  });
});

describe('the invitations of a tenant', () => {
  it('are nobody else’s, and their devices are the tenant’s', async () => {
    const [mine, theirs] = await Promise.all([
      server.token({ tenant: 7 }),
      server.token({ tenant: 8 }),
    ]);
    const invited = await server.invite({}, mine);
    expect((await server.ask(invitation, { id: invited.id }, theirs)).enrollmentInvitation).toBe(
      null,
    );
    expect((await server.ask(invitation, { id: invited.id }, mine)).enrollmentInvitation).not.toBe(
      null,
    );
    expect((await server.ask(invitations, {}, theirs)).enrollmentInvitations.edges).toEqual([]);
    const input = { invitationId: invited.id };
    const outcome = await server.ask(revokeInvitation, { input }, theirs);
    expect(outcome.revokeEnrollmentInvitation).toMatchObject({ code: 'UNKNOWN_INVITATION' });
    const { device } = await server.enrolBy(invited, { key });
    expect(
      await rows('select tenant_id from enrollment where id = $1', device.enrollmentId),
    ).toEqual([{ tenant_id: 7 }]);
  });

  it('cannot name a topic of another tenant', async () => {
    await rows(
      `insert into push_certificate (topic, tenant_id, certificate, key, subject, issuer, serial,
         sha256, not_before, not_after, uploaded_by)
       values ('com.apple.mgmt.External.of-tenant-9', 9, '', '', '', '', '', '', now(), now(), '')`,
    );
    const token = await server.token({ tenant: 7 });
    const input = { tags: [], topic: 'com.apple.mgmt.External.of-tenant-9' };
    const outcome = await server.ask(createInvitation, { input }, token);
    expect(outcome.createEnrollmentInvitation).toMatchObject({ code: 'BAD_TOPIC' });
  });

  it('need the scopes for them', async () => {
    const token = await server.token({ tenant: null, scopes: ['enrollments:read'] });
    const { createEnrollmentInvitation } = await server.ask(
      createInvitation,
      { input: { tags: [], topic } },
      token,
    );
    expect(createEnrollmentInvitation).toMatchObject({ __typename: 'ForbiddenError' });
    await expect(server.ask(invitations, {}, token)).rejects.toThrow('invitations:read');
  });
});
