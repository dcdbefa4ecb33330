import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readEnrollmentProfile } from '../../clients/simulator/enrollment-profile.ts';
import { buildEnrollmentProfile } from '../../server/pki/profile.ts';
import { fixedValues } from '../../server/pki/profile-values.ts';
import { signProfile } from '../../server/pki/sign-profile.ts';
import { uuid5 } from '../../server/pki/uuid5.ts';
import { parseSignedData } from '../../server/protocol/cms/signed-data.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';
import { authority, issue, rsaKeys } from '../protocol/authority.ts';
import { pkijsAccepts } from '../protocol/second-opinion.ts';

const root = authority(rsaKeys(), 'Root');
const settings = {
  publicUrl: new URL('https://mdm.example.com'),
  topic: 'com.apple.mgmt.External.1',
  serverUrl: new URL('https://mdm.example.com/mdm'),
};
const scep = {
  url: new URL('https://mdm.example.com/scep'),
  name: 'ca',
  challenge: 'secret',
  authority: root.der,
};
const build = (over: object = {}, challenge = 'secret') =>
  buildEnrollmentProfile({
    fixed: fixedValues({ ...settings, ...over }),
    scep: { ...scep, challenge },
    trustedRoots: [root.der],
  });

function payloads(profile: Buffer): readonly PlistDict[] {
  const read = parsePlist(profile);
  const content = isPlistDict(read) ? read['PayloadContent'] : undefined;
  return Array.isArray(content) ? content : [];
}

const payload = (profile: Buffer, type: string): PlistDict =>
  payloads(profile).find((each) => each['PayloadType'] === type) ?? {};

describe('an enrolment profile', () => {
  it('says how a device is managed', () => {
    const mdm = payload(build(), 'com.apple.mdm');
    expect(mdm).toMatchObject({
      Topic: 'com.apple.mgmt.External.1',
      ServerURL: 'https://mdm.example.com/mdm',
      AccessRights: 8191,
      SignMessage: true,
      CheckOutWhenRemoved: true,
      ServerCapabilities: ['com.apple.mdm.per-user-connections', 'com.apple.mdm.bootstraptoken'],
    });
    expect(mdm).not.toHaveProperty('CheckInURL');
    expect(mdm).not.toHaveProperty('ServerURLPinningCertificateUUIDs');
    const identity = payload(build(), 'com.apple.security.scep');
    expect(mdm['IdentityCertificateUUID']).toBe(identity['PayloadUUID']);
  });

  it('says how a device gets its identity', () => {
    const content = payload(build(), 'com.apple.security.scep')['PayloadContent'];
    expect(content).toMatchObject({
      URL: 'https://mdm.example.com/scep',
      Name: 'ca',
      Challenge: 'secret',
      Keysize: 2048,
      'Key Usage': 5,
      'Key Type': 'RSA',
      Subject: [[['O', 'graphmdm']], [['CN', 'MDM device identity']]],
    });
    const print = isPlistDict(content) ? content['CAFingerprint'] : null;
    expect(print).toEqual(createHash('sha1').update(root.der).digest());
  });

  it('is the same each time but for the challenge', () => {
    expect(build()).toEqual(build());
    const one = build({}, 'one').toString();
    expect(one.replace('>one<', '>two<')).toBe(build({}, 'two').toString());
  });

  it('has other ids for another server or topic, and none twice', () => {
    const idsOf = (profile: Buffer) => payloads(profile).map((each) => each['PayloadUUID']);
    const all = [
      ...idsOf(build()),
      ...idsOf(build({ topic: 'com.apple.mgmt.Other' })),
      ...idsOf(build({ publicUrl: new URL('https://other.example.com') })),
    ];
    expect(new Set(all).size).toBe(9);
    for (const id of all) expect(id).toMatch(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
  });

  it('has the identifiers of its server, in the order of bundles', () => {
    expect(payloads(build()).map((each) => each['PayloadIdentifier'])).toEqual([
      expect.stringMatching(/^com\.example\.mdm\.graphmdm\.root\.[0-9a-f]{16}$/),
      'com.example.mdm.graphmdm.scep',
      'com.example.mdm.graphmdm.mdm',
    ]);
    const local = build({ publicUrl: new URL('https://192.0.2.1:9000') });
    expect(payload(local, 'com.apple.mdm')['PayloadIdentifier']).toBe(
      'host-192-0-2-1.graphmdm.mdm',
    );
  });

  it('claims tokens only where a handler answers for them', () => {
    const { ServerCapabilities } = payload(build({ getToken: true }), 'com.apple.mdm');
    expect(ServerCapabilities).toContain('com.apple.mdm.token');
  });

  it('for a user account has its mode and account instead of rights', () => {
    const accountDriven = { enrollmentMode: 'BYOD', assignedManagedAppleId: 'u@example.com' };
    const mdm = payload(build({ accountDriven }), 'com.apple.mdm');
    expect(mdm).toMatchObject({ EnrollmentMode: 'BYOD', AssignedManagedAppleID: 'u@example.com' });
    expect(mdm).not.toHaveProperty('AccessRights');
  });

  it.each([
    ['TOPIC_INVALID', { topic: 'com.example' }],
    ['URL_NOT_HTTPS', { serverUrl: new URL('http://mdm.example.com/mdm') }],
    ['URL_NOT_HTTPS', { checkInUrl: new URL('ftp://mdm.example.com') }],
    ['ACCESS_RIGHTS_INVALID', { accessRights: 0 }],
    ['ACCESS_RIGHTS_INVALID', { accessRights: 2 }],
    ['ACCESS_RIGHTS_INVALID', { accessRights: 128 }],
    ['ACCESS_RIGHTS_INVALID', { accessRights: 8192 }],
  ])('is refused as %s with %j', (code, over) => {
    expect(() => build(over)).toThrow(expect.objectContaining({ code }));
  });

  it('is refused with a text that XML cannot carry', () => {
    expect(() => build({}, 'a\0b')).toThrow(
      expect.objectContaining({ code: 'PROFILE_TEXT_INVALID' }),
    );
  });
});

describe('a signed profile', () => {
  const signer = issue(rsaKeys(), root, { subject: { commonName: 'Profiles' } });
  const signed = signProfile(build(), {
    certificate: signer.certificate,
    key: signer.privateKey,
    chain: [root.certificate],
  });

  it('holds the profile and the chain, and is signed as others check it', async () => {
    const { content, certificates } = parseSignedData(signed);
    expect(content).toEqual(build());
    expect(certificates).toEqual([signer.der, root.der]);
    expect(await pkijsAccepts(signed, build())).toBe(true);
  });

  it('is read by a device as an unsigned one, unless it was changed', () => {
    const plain = readEnrollmentProfile(build());
    const read = readEnrollmentProfile(signed);
    expect(read).toEqual({ ...plain, signedBy: signer.der });
    const changed = Buffer.from(signed);
    changed.write('mdm.example.net', changed.indexOf('mdm.example.com'));
    expect(() => readEnrollmentProfile(changed)).toThrow('signature');
  });
});

describe('ids by name', () => {
  it('are of version 5, and depend on where the parts end', () => {
    expect(uuid5('a', 'bc')).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-5[0-9A-F]{3}-[89AB][0-9A-F]{3}-/);
    expect(uuid5('a', 'bc')).toBe(uuid5('a', 'bc'));
    expect(uuid5('a', 'bc')).not.toBe(uuid5('ab', 'c'));
  });
});
