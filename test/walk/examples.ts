import { randomUUID, X509Certificate } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';
import {
  readCertificateRequest,
  requestedKey,
} from '../../server/protocol/cms/certificate-request.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { sealEnvelope } from '../../server/protocol/cms/envelope.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { send } from '../migration/stage.ts';
import { type Json, mutated, type Tenant, type World } from './world.ts';

/** How a mutation is called in a way that works. The tests of the whole schema run each. */
export interface Example {
  /** Makes a valid input (without `idempotencyKey`) for a tenant that has everything. */
  input(world: World, tenant: Tenant): Json | Promise<Json>;
  /** Only an operator's token, which belongs to no tenant, may do it. */
  readonly operator?: true;
  /**
   * What another tenant is answered for the same input: `NotFoundError` unless said; `OWN`: it names
   * nothing that belongs to somebody, so he does it for himself.
   */
  readonly foreign?: 'OWN' | 'ConflictError' | 'ValidationError' | 'ForbiddenError';
  /** Runs after all others (and after lower numbers), because it ends what they need. */
  readonly last?: 1 | 2;
}

/** A job in the state that is wanted, held by nobody who would work on it. */
async function aJob(world: World, { id: tenant, mark }: Tenant, state: string): Promise<string> {
  const id = randomUUID();
  await world.sql(
    `insert into job (id, tenant_id, kind, state, input, created_by, holder, lease_until)
     values ($1, $2, 'PUSH', $3, $4, $5, 'test', now() + interval '1 hour')`,
    [id, tenant, state, { targets: { ids: [] }, tenant }, `token:${mark}`],
  );
  return id;
}

async function aRequest(world: World, { token, mark }: Tenant, route: Json): Promise<Json> {
  const input = { commonName: `request of ${mark}`, route };
  return mutated(
    world,
    token,
    'createPushCertificateRequest',
    input,
    '... on CreatePushCertificateRequestPayload { requestId csr mdmcertRequest { body } }',
  );
}

/** What Apple makes of a request. */
function certified({ apple }: World, csrPem: string, topic: string): string {
  const csr = Buffer.from(csrPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const key = requestedKey(readCertificateRequest(csr));
  const { authority } = apple;
  return certificatePem(
    issueCertificate({
      subject: { userId: topic, commonName: `APSP:${topic}` },
      publicKey: createPublicKey(key.export({ format: 'pem', type: 'spki' })),
      issuer: readCertificate(authority.certificate),
      issuerKey: authority.key,
      notBefore: new Date(Date.now() - 1000),
      notAfter: new Date(Date.now() + 365 * 86_400_000),
    }),
  );
}

/** A token to be changed: each example has one of its own. */
async function aToken(world: World, { token, mark }: Tenant): Promise<string> {
  const input = { name: `token of ${mark}`, scopes: ['events:read', 'jobs:read'] };
  const made = await mutated(
    world,
    token,
    'createApiToken',
    input,
    '... on NewApiTokenPayload { apiToken { tokenId } }',
  );
  return String(Object(made['apiToken']).tokenId);
}

const text = (base64: string) => Buffer.from(base64, 'base64').toString();

/** What mdmcert.download mails. */
function mailed(body: string): string {
  const request: Readonly<Record<string, string>> = JSON.parse(body);
  const csr = text(request['csr'] ?? '').replace(/-----[^-]+-----|\s/g, '');
  const content = buildPlist({ PushCertRequestCSR: csr, PushCertSignature: 'theirs' });
  const recipient = new X509Certificate(text(request['encrypt'] ?? '')).raw;
  const inner = Buffer.from(content.toString('base64'));
  return sealEnvelope(inner, readCertificate(recipient), 'des-cbc').toString('hex');
}

/** A command that waits for the tenant's first device. */
async function aWaitingCommand(
  world: World,
  { token, devices: [device], mark }: Tenant,
  name: string,
): Promise<string> {
  const uuid = `${name}-${mark}`;
  await mutated(world, token, 'enqueueCommand', {
    targets: { ids: [device.enrollmentId] },
    command: { plist: buildCommand('ProfileList', {}, uuid).toString() },
  });
  return uuid;
}

/**
 * A working call of every mutation, by its name. Whoever adds a mutation adds one: the tests in this
 * folder then see to its idempotency key, its audit entry and its tenants.
 */
export const examples: Readonly<Record<string, Example>> = {
  createApiToken: {
    input: (_world, { mark }) => ({ name: `made by ${mark}`, scopes: ['events:read'] }),
    foreign: 'OWN',
  },
  rotateApiToken: { input: async (...of) => ({ tokenId: await aToken(...of) }) },
  updateApiToken: { input: async (...of) => ({ tokenId: await aToken(...of), name: 'other' }) },
  revokeApiToken: { input: async (...of) => ({ tokenId: await aToken(...of) }) },
  createTenant: {
    input: () => ({ name: 'a new tenant' }),
    operator: true,
    foreign: 'ForbiddenError',
  },
  renameTenant: {
    input: (_world, { id, mark }) => ({ tenantId: String(id), name: `${mark} again` }),
  },
  moveEnrollments: {
    input: ({ empty }, { devices: [, device] }) => ({
      targets: { ids: [device.enrollmentId] },
      toTenantId: String(empty.id),
    }),
    operator: true,
    foreign: 'ForbiddenError',
    last: 2,
  },
  uploadPushCertificate: {
    input: async ({ apple }, { topic }) => ({
      source: { pem: await apple.certificate(topic) },
      renews: topic,
    }),
    foreign: 'ConflictError',
  },
  createPushCertificateRequest: {
    input: (_world, { mark }) => ({ commonName: `asked by ${mark}`, route: { csr: true } }),
    foreign: 'OWN',
  },
  completePushCertificateRequest: {
    async input(world, tenant) {
      const { requestId, csr } = await aRequest(world, tenant, { csr: true });
      const topic = `${tenant.topic}.completed`;
      return { requestId, certificate: certified(world, String(csr), topic), newTopic: true };
    },
  },
  openMdmcertResponse: {
    async input(world, tenant) {
      const mdmcertDownload = { email: 'admin@example.com', apiKey: 'an-api-key' };
      const made = await aRequest(world, tenant, { mdmcertDownload });
      const { body } = Object(made['mdmcertRequest']);
      return { requestId: made['requestId'], encrypted: mailed(String(body)) };
    },
  },
  createEnrollmentInvitation: {
    input: (_world, { topic, mark }) => ({ topic, description: `another for ${mark}` }),
    foreign: 'ValidationError',
  },
  recordEnrollmentProfile: {
    async input({ server }, { devices: [device], challenge }) {
      const profile = await fetch(`${server.url}/enroll/${challenge}/profile`);
      return {
        targets: { ids: [device.enrollmentId] },
        profile: Buffer.from(await profile.arrayBuffer()).toString('base64'),
      };
    },
    // None of the ids that he sees is on the profile's topic, whatever the ids.
    foreign: 'ConflictError',
  },
  setEnrollmentNotes: {
    input: (_world, { devices: [device], mark }) => ({
      enrollmentId: device.enrollmentId,
      notes: `a note of ${mark}`,
    }),
  },
  tagEnrollments: {
    input: (_world, { devices: [device], mark }) => ({
      targets: { ids: [device.enrollmentId] },
      tags: [`tag ${mark}`],
    }),
  },
  untagEnrollments: {
    input: (_world, { devices: [device], mark }) => ({
      targets: { ids: [device.enrollmentId] },
      tags: [`tag ${mark}`],
    }),
  },
  revokeEnrollmentInvitation: { input: (_world, { invitationId }) => ({ invitationId }) },
  revokeIssuedCertificate: {
    async input({ sql }, { id }) {
      const [row] = await sql(
        'select serial from issued_certificate where tenant_id = $1 order by key desc limit 1',
        [id],
      );
      return { serialNumber: row?.['serial'], reason: 'a test' };
    },
    last: 1,
  },
  renewDeviceAuthority: { input: () => ({}), operator: true, foreign: 'ForbiddenError' },
  importDeviceAuthority: {
    input: async () => {
      const { certificate } = await makeAuthority({ commonName: 'Elsewhere' });
      return { source: { externalPem: certificatePem(certificate) } };
    },
    operator: true,
    foreign: 'ForbiddenError',
  },
  createUpload: { input: () => ({}), foreign: 'OWN' },
  exportEnrollments: {
    input: (_world, { devices: [device] }) => ({ targets: { ids: [device.enrollmentId] } }),
  },
  migrateEnrollments: {
    async input({ server }, { token, mark }) {
      const lines = [{ kind: 'tally', enrollment: `none of ${mark}`, tokenUpdateTally: 1 }];
      return { uploadId: await send(server, lines, token) };
    },
  },
  enqueueCommand: {
    input: (_world, { devices: [device], mark }) => ({
      targets: { ids: [device.enrollmentId] },
      command: { plist: buildCommand('ProfileList', {}, `enqueued-${mark}`).toString() },
    }),
  },
  cancelCommand: {
    input: async (world, tenant) => ({
      commandUuid: await aWaitingCommand(world, tenant, 'cancelled'),
      targets: { all: true },
    }),
  },
  setCommandPriority: {
    input: async (world, tenant) => ({
      commandUuid: await aWaitingCommand(world, tenant, 'moved'),
      priority: 7,
    }),
  },
  clearQueue: {
    input: (_world, { devices: [device] }) => ({ targets: { ids: [device.enrollmentId] } }),
  },
  retryCommand: {
    async input(world, tenant) {
      const commandUuid = await aWaitingCommand(world, tenant, 'retried');
      await mutated(world, tenant.token, 'cancelCommand', { commandUuid, targets: { all: true } });
      return { commandUuid };
    },
  },
  pushEnrollments: {
    input: (_world, { devices: [device] }) => ({ targets: { ids: [device.enrollmentId] } }),
  },
  rebuildInventory: {
    input: (_world, { devices: [device] }) => ({ targets: { ids: [device.enrollmentId] } }),
  },
  escrowKeyUnlock: {
    input: (_world, { topic, mark }) => ({
      topic,
      serialNumber: 'C01',
      productType: 'iPad8,1',
      organizationName: mark,
      guid: 'guid',
      escrowKey: `key of ${mark}`,
    }),
  },
  cancelJob: { input: async (...of) => ({ jobId: await aJob(...of, 'PAUSED') }) },
  pauseJob: { input: async (...of) => ({ jobId: await aJob(...of, 'RUNNING') }) },
  resumeJob: { input: async (...of) => ({ jobId: await aJob(...of, 'PAUSED') }) },
  unenroll: {
    input: (_world, { devices: [, device] }) => ({
      enrollmentId: device.enrollmentId,
      method: 'UNAUTHORIZED',
    }),
    last: 1,
  },
};
