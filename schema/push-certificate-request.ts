import type {
  CreateRequestAnswer,
  SigningRoute,
} from '../server/mdm/push-certificates/create-request.ts';
import type { MdmcertRequest as MdmcertRequestShape } from '../server/mdm/push-certificates/mdmcert.ts';
import type { OpenResponseAnswer } from '../server/mdm/push-certificates/open-mdmcert-response.ts';
import { ValidationError } from '../server/model/errors.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';
import { idempotencyKeyDescription, idempotencyKeyOf } from './idempotency-key.ts';

const VendorCertificateInput = builder.inputType('VendorCertificateInput', {
  description:
    'An MDM vendor certificate from an Apple developer account. It is used once and never stored.',
  fields: (t) => ({
    certificate: t.string({
      required: true,
      description: "The vendor's certificate: PEM, or base64 of DER.",
    }),
    key: t.string({ required: true, description: 'Its private RSA key, PEM.' }),
    password: t.string({ description: 'The password of an encrypted key.' }),
    chain: t.stringList({
      required: true,
      description:
        "Apple's intermediate and root above it, in any order: each PEM, or base64 of DER.",
    }),
  }),
});

const MdmcertDownloadInput = builder.inputType('MdmcertDownloadInput', {
  description: 'An account at mdmcert.download, which signs requests for those who are no vendor.',
  fields: (t) => ({
    email: t.string({
      required: true,
      description: 'The registered address, to which the signed request is mailed.',
    }),
    apiKey: t.string({ required: true, description: 'The API key that is sent along.' }),
  }),
});

const SigningRouteInput = builder.inputType('SigningRouteInput', {
  description:
    "Who signs: Apple's portal takes no request without an MDM vendor's signature. Exactly one of these.",
  isOneOf: true,
  fields: (t) => ({
    vendor: t.field({
      type: VendorCertificateInput,
      description: 'You are a vendor: the request is signed at once.',
    }),
    mdmcertDownload: t.field({
      type: MdmcertDownloadInput,
      description: 'mdmcert.download signs: you get the request to send there.',
    }),
    csr: t.boolean({
      description: '`true`: somebody else signs the request. It is answered as it is.',
    }),
  }),
});

const CreatePushCertificateRequestInput = builder.inputType('CreatePushCertificateRequestInput', {
  description: 'A request for a push certificate.',
  fields: (t) => ({
    commonName: t.string({
      required: true,
      description: 'A name to know it by, at most 64 characters. Apple puts its own in its place.',
    }),
    email: t.string({ description: 'An e-mail address for the subject.' }),
    country: t.string({ description: 'A country for the subject, two letters.' }),
    route: t.field({ type: SigningRouteInput, required: true, description: 'Who signs.' }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const OpenMdmcertResponseInput = builder.inputType('OpenMdmcertResponseInput', {
  description: 'What mdmcert.download mailed.',
  fields: (t) => ({
    requestId: t.id({ required: true, description: 'The `requestId` of the request.' }),
    encrypted: t.string({
      required: true,
      description: 'The text of the mailed file, `….plist.b64.p7`: hexadecimal, base64 or PEM.',
    }),
    idempotencyKey: t.string({ description: idempotencyKeyDescription }),
  }),
});

const MdmcertRequest = builder.objectRef<MdmcertRequestShape>('MdmcertRequest').implement({
  description: 'A request to mdmcert.download, for you to send.',
  fields: (t) => ({
    url: t.exposeString('url', { description: 'Where to POST it to.' }),
    body: t.exposeString('body', {
      description: 'The body, JSON. It holds your API key, and no private one.',
    }),
  }),
});

const cursorDescription =
  "The event stream's position from before: subscribe after it to miss nothing.";
const replayedDescription = 'Whether an earlier, equal request had done it already.';
const signedDescription =
  "What to upload at Apple's push certificates portal, as a file: base64 of a property list.";

const CreatePushCertificateRequestPayload = builder
  .objectRef<CreateRequestAnswer>('CreatePushCertificateRequestPayload')
  .implement({
    description: 'The request that was made. Its private key stays in the server.',
    fields: (t) => ({
      requestId: t.exposeID('requestId', {
        description: 'Keep it: `completePushCertificateRequest` asks for it.',
      }),
      csr: t.exposeString('csr', { description: 'The certification request, PEM.' }),
      signedRequest: t.exposeString('signedRequest', {
        nullable: true,
        description: `${signedDescription} Null unless the route is \`vendor\`.`,
      }),
      mdmcertRequest: t.field({
        type: MdmcertRequest,
        nullable: true,
        description: 'What to send. Null unless the route is `mdmcertDownload`.',
        resolve: ({ mdmcertRequest }) => mdmcertRequest,
      }),
      cursor: t.exposeString('cursor', { description: cursorDescription }),
      replayed: t.exposeBoolean('replayed', { description: replayedDescription }),
    }),
  });

const OpenMdmcertResponsePayload = builder
  .objectRef<OpenResponseAnswer>('OpenMdmcertResponsePayload')
  .implement({
    description: 'The signed request.',
    fields: (t) => ({
      requestId: t.exposeID('requestId', { description: 'The request.' }),
      signedRequest: t.exposeString('signedRequest', { description: signedDescription }),
      cursor: t.exposeString('cursor', { description: cursorDescription }),
      replayed: t.exposeBoolean('replayed', { description: replayedDescription }),
    }),
  });

builder.mutationField('createPushCertificateRequest', (t) =>
  t.field({
    type: CreatePushCertificateRequestPayload,
    description: 'Makes a key and a request for a push certificate.',
    authScopes: { scope: 'push:write' },
    errors: outcomesOf('createPushCertificateRequest', mutationErrors),
    args: {
      input: t.arg({
        type: CreatePushCertificateRequestInput,
        required: true,
        description: 'For whom, and who signs.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.createPushCertificateRequest(viewer, {
        commonName: input.commonName,
        email: input.email ?? null,
        country: input.country ?? null,
        route: routeOf(input.route),
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

builder.mutationField('openMdmcertResponse', (t) =>
  t.field({
    type: OpenMdmcertResponsePayload,
    description: 'Decrypts the signed request that mdmcert.download mailed.',
    authScopes: { scope: 'push:write' },
    errors: outcomesOf('openMdmcertResponse', mutationErrors),
    args: {
      input: t.arg({
        type: OpenMdmcertResponseInput,
        required: true,
        description: 'Which request, and what was mailed.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.openMdmcertResponse(viewer, {
        requestId: input.requestId,
        encrypted: input.encrypted,
        idempotencyKey: idempotencyKeyOf(input.idempotencyKey),
      }),
  }),
);

type RouteInput = typeof SigningRouteInput.$inferInput;

function routeOf({ vendor, mdmcertDownload, csr }: RouteInput): SigningRoute {
  if (vendor) return { kind: 'VENDOR', vendor: { ...vendor, password: vendor.password ?? null } };
  if (mdmcertDownload) return { kind: 'MDMCERT_DOWNLOAD', mdmcert: mdmcertDownload };
  if (csr) return { kind: 'CSR' };
  throw new ValidationError('NO_ROUTE', 'Give `vendor`, `mdmcertDownload` or `csr: true`.', [
    'input',
    'route',
  ]);
}
