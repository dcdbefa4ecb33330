import { generateKeyPair, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type Viewer } from '../../model/viewer.ts';
import { writeCertificateRequest } from '../../protocol/cms/certificate-request-write.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { writePem } from '../../pki/pem-blocks.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertRequest, type StoredRequest } from '../../store/push-certificates/requests.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { demandScope } from '../demand-scope.ts';
import {
  checkMdmcert,
  makeEncryptionIdentity,
  type MdmcertInput,
  type MdmcertRequest,
  mdmcertRequest,
} from './mdmcert.ts';
import { type RequestSubject, writeRequestSubject } from './request-subject.ts';
import { encryptionKeyPlace, requestKeyPlace, requestOf } from './requests.ts';
import { readVendor, signRequest, type VendorInput } from './vendor.ts';

/** Who signs the request: Apple's portal takes none without an MDM vendor's signature. */
export type SigningRoute =
  | { readonly kind: 'VENDOR'; readonly vendor: VendorInput }
  | { readonly kind: 'MDMCERT_DOWNLOAD'; readonly mdmcert: MdmcertInput }
  | { readonly kind: 'CSR' };

export interface CreateRequestInput extends RequestSubject {
  readonly route: SigningRoute;
  readonly idempotencyKey: string | null;
}

export interface CreateRequestAnswer {
  readonly requestId: string;
  /** PEM. */
  readonly csr: string;
  /** What Apple's portal takes; null when somebody else has to sign first. */
  readonly signedRequest: string | null;
  readonly mdmcertRequest: MdmcertRequest | null;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ requestId: z.string(), cursor: z.string() });
const pair = promisify(generateKeyPair);

/**
 * Makes a key and a request for a push certificate, and brings it as near to Apple's portal as the route
 * allows. The key stays here, sealed, until `completePushCertificateRequest`.
 * @throws {ValidationError} the subject, or what the route needs
 * @throws {ForbiddenError} the token may not write push certificates
 */
export async function createPushCertificateRequest(
  ctx: MdmContext,
  viewer: Viewer,
  input: CreateRequestInput,
): Promise<CreateRequestAnswer> {
  demandScope(viewer, 'push:write');
  const { route, commonName, email, country } = input;
  const subject = writeRequestSubject(input);
  const now = ctx.clock.now();
  const vendor = route.kind === 'VENDOR' ? readVendor(route.vendor, now) : null;
  if (route.kind === 'MDMCERT_DOWNLOAD') checkMdmcert(route.mdmcert);
  const cursor = await ctx.currentCursor();
  const fresh = await newRequest(ctx, viewer, { subject, commonName, route, now });
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'createPushCertificateRequest',
        key: input.idempotencyKey,
        input: { commonName, email, country, route: nameOf(route, vendor?.certificates[0]?.der) },
      },
      async () => {
        await insertRequest(client, fresh, { actor: viewer.actor, at: now });
        await appendAudit(
          client,
          viewer,
          'createPushCertificateRequest',
          currentTraceId() ?? null,
          {
            requestId: fresh.id,
            commonName,
            route: route.kind,
          },
        );
        return { requestId: fresh.id, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  const { requestId } = done.answer;
  const { csr, encryption } = done.replayed ? await requestOf(ctx, viewer, requestId) : fresh;
  return {
    requestId,
    csr: writePem('CERTIFICATE REQUEST', csr),
    signedRequest: vendor && signRequest(csr, vendor),
    mdmcertRequest:
      route.kind === 'MDMCERT_DOWNLOAD' && encryption !== null
        ? mdmcertRequest(csr, encryption.certificate, route.mdmcert)
        : null,
    cursor: done.answer.cursor,
    replayed: done.replayed,
  };
}

/** RSA-2048 is what Apple signs push certificates for. */
async function newRequest(
  { keyring }: MdmContext,
  viewer: Viewer,
  wanted: {
    readonly subject: Buffer;
    readonly commonName: string;
    readonly route: SigningRoute;
    readonly now: Date;
  },
): Promise<StoredRequest> {
  const id = randomUUID();
  const { privateKey: key } = await pair('rsa', { modulusLength: 2048 });
  const encryption =
    wanted.route.kind === 'MDMCERT_DOWNLOAD' ? await makeEncryptionIdentity(wanted.now) : null;
  return {
    id,
    tenantId: viewer.tenant ?? defaultTenant,
    commonName: wanted.commonName,
    csr: writeCertificateRequest({ subject: wanted.subject, key }),
    key: keyring.seal(requestKeyPlace(id), key.export({ format: 'der', type: 'pkcs8' })),
    encryption: encryption && {
      certificate: encryption.certificate,
      key: keyring.seal(
        encryptionKeyPlace(id),
        encryption.key.export({ format: 'der', type: 'pkcs8' }),
      ),
    },
  };
}

/** The route without its secrets, so that a repeat is known by it. */
function nameOf(route: SigningRoute, vendorCertificate: Buffer | undefined): readonly string[] {
  if (route.kind === 'MDMCERT_DOWNLOAD') return [route.kind, route.mdmcert.email];
  const vendor = vendorCertificate && sha256Of(vendorCertificate).toString('hex');
  return [route.kind, ...(vendor === undefined ? [] : [vendor])];
}
