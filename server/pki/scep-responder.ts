import type { KeyObject } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { CertRepOutcome } from '../protocol/scep/cert-rep.ts';
import { writeCertRep } from '../protocol/scep/cert-rep.ts';
import type { PkiMessage } from '../protocol/scep/pki-message.ts';
import { readPkiMessage } from '../protocol/scep/pki-message.ts';
import type { DeviceAuthority, IssuingGeneration, KeyHolder } from './authority.ts';
import { issuingGenerations, scepIdentity } from './authority.ts';
import type { Issue, RecordIssuance } from './issue.ts';
import { createIssue } from './issue.ts';
import { sha256Of } from './sha256.ts';
import { capabilitiesAnswer, certificatesAnswer, plain } from './scep-announce.ts';
import { enrol } from './scep-enrol.ts';
import { askedCertificate, polledCertificate } from './scep-lookup.ts';
import { checkSigner, openMessage, readSignedRequest } from './scep-open.ts';
import { ScepRefused } from './scep-refused.ts';
import type {
  CheckChallenge,
  FindIssued,
  ScepAnswer,
  ScepPolicy,
  ScepRequest,
  ScepResponder,
} from './scep-types.ts';

/** Octets of a message. A request with a key of 4096 bits and its certificates needs 8,000. */
export const scepMessageLimit = 64 * 1024;

export interface ScepOptions {
  /** Asked for each request, so that a renewed authority answers at once. */
  readonly authority: () => DeviceAuthority;
  readonly checkChallenge: CheckChallenge;
  readonly findIssued: FindIssued;
  readonly record: RecordIssuance;
  readonly policy?: ScepPolicy;
  readonly log: Log;
  readonly clock: Clock;
}

/** What stays the same from one request to the next. */
interface Service extends ScepOptions {
  readonly policy: ScepPolicy;
  readonly issue: Issue;
}

/** Creates what answers SCEP (RFC 8894): GetCACaps, GetCACert and PKIOperation. */
export function createScepResponder(options: ScepOptions): ScepResponder {
  const { policy = {} } = options;
  const service: Service = { ...options, policy, issue: createIssue({ ...options, policy }) };
  return async (request) => {
    const at = options.clock.now();
    const generations = issuingGenerations(options.authority(), at);
    const [newest] = generations;
    if (newest === undefined) return plain(503, 'There is no authority that issues here.');
    switch (request.operation ?? '') {
      case 'GetCACaps':
        return capabilitiesAnswer(policy);
      case 'GetCACert':
        return certificatesAnswer(request.message, [newest, ...generations.slice(1)]);
      case 'PKIOperation':
        return operate(request, service, [newest, ...generations.slice(1)], at);
      default:
        return plain(400, 'Unknown operation.');
    }
  };
}

async function operate(
  { message: encoded, from }: ScepRequest,
  service: Service,
  generations: readonly [IssuingGeneration, ...IssuingGeneration[]],
  at: Date,
): Promise<ScepAnswer> {
  const bytes = bytesIn(encoded);
  if (bytes === null) return plain(400, 'The message is missing or not base64.');
  if (bytes.length > scepMessageLimit) return plain(413, 'The message is too large.');
  let message: PkiMessage;
  try {
    message = readPkiMessage(bytes);
  } catch (error) {
    if (!(error instanceof BerError)) throw error;
    service.log.info({ reason: error.message }, 'SCEP message is malformed');
    return plain(400, 'The message is malformed.');
  }
  const holders = generations.map(scepIdentity);
  // Who is written to is who answers: the client knows that certificate, maybe no newer one.
  let answering: KeyHolder = scepIdentity(generations[0]);
  let outcome: CertRepOutcome;
  try {
    outcome = await outcomeOf(message, service, holders, { at, from }, (holder) => {
      answering = holder;
    });
  } catch (error) {
    if (!(error instanceof ScepRefused)) throw error;
    outcome = { status: 'failure', failInfo: error.failInfo };
    service.log.info(
      logged(message, { failInfo: error.failInfo, reason: error.message }),
      'SCEP request refused',
    );
  }
  if (outcome.status === 'success') {
    const [certificate = Buffer.alloc(0)] = outcome.certificates;
    service.log.info(
      logged(message, { certificate: sha256Of(certificate).toString('hex') }),
      'SCEP request answered',
    );
  }
  const body = writeCertRep(message, outcome, answering);
  return {
    status: 200,
    contentType: 'application/x-pki-message',
    body,
    ...(outcome.status === 'failure' && { failInfo: outcome.failInfo }),
  };
}

/** When a request came, and from where. */
interface Came {
  readonly at: Date;
  readonly from: string | undefined;
}

async function outcomeOf(
  message: PkiMessage,
  service: Service,
  holders: readonly KeyHolder[],
  came: Came,
  opened: (holder: KeyHolder) => void,
): Promise<CertRepOutcome> {
  const signerKey = checkSigner(message, service.policy);
  const { content, cipher, holder } = openMessage(message, holders, service.policy);
  opened(holder);
  const certificate = await certificateFor(message, signerKey, content, service, came);
  return { status: 'success', certificates: [certificate], recipient: message.signer, cipher };
}

async function certificateFor(
  message: PkiMessage,
  signerKey: KeyObject,
  content: Buffer,
  service: Service,
  { at, from }: Came,
): Promise<Buffer> {
  const authority = service.authority();
  const { findIssued, policy } = service;
  switch (message.messageType) {
    case 'PKCSReq':
    case 'RenewalReq': {
      const request = readSignedRequest(content, policy);
      return enrol(message, signerKey, request, { ...service, authority, at, from });
    }
    case 'CertPoll':
      return polledCertificate(message, signerKey, content, findIssued);
    case 'GetCert':
      return askedCertificate(message, content, findIssued, { authority, at });
    case 'GetCRL':
    case 'CertRep':
      throw new ScepRefused('badRequest', `${message.messageType} is not served`);
  }
}

/** A POST's body, or a query's base64, in which a plus may have become a blank. */
function bytesIn(message: ScepRequest['message']): Buffer | null {
  if (typeof message !== 'string') return message !== null && message.length > 0 ? message : null;
  const text = message.replaceAll(' ', '+');
  return /^[A-Za-z0-9+/_\r\n-]+={0,2}\s*$/.test(text) ? Buffer.from(text, 'base64') : null;
}

function logged(
  { messageType, transactionId }: PkiMessage,
  fields: Readonly<Record<string, string>>,
) {
  return { messageType, transactionId, ...fields };
}
