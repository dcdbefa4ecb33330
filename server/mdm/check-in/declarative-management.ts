import { type EnrollmentId } from '../../model/enrollment.ts';
import { Refusal } from '../../model/refusal.ts';
import { shortText } from '../../model/short-text.ts';
import type { DeclarativeManagement } from '../../protocol/messages/check-in.ts';
import type { MdmContext } from '../context.ts';
import { keepCheckIn } from './keep.ts';
import type { Arrival } from './message.ts';
import type { CheckInReply } from './reply.ts';

/** A declarative-management request, proved to be the enrolment's. */
export interface DeclarativeRequest {
  readonly enrollment: EnrollmentId;
  /** One of Apple's four forms: `tokens`, `declaration-items`, `status`, `declaration/<type>/<id>`. */
  readonly endpoint: string;
  /** JSON that the device sends, or null when it only asks. */
  readonly data: Buffer | null;
  readonly traceId: string;
}

/**
 * Answers declarative-management requests.
 * @returns null when there is nothing to say (an empty 200)
 * @throws {Refusal} 502 when it cannot answer
 */
export type DeclarativeUpstream = (request: DeclarativeRequest) => Promise<CheckInReply | null>;

/**
 * Hands a declarative-management request to whoever answers them.
 * @throws {Refusal} 400 for an endpoint that is none of Apple's; 409 when the certificate is not the
 * enrolment's; 500 when nobody answers them here
 */
export async function declarativeManagement(
  ctx: MdmContext,
  message: DeclarativeManagement,
  arrival: Arrival,
  upstream: DeclarativeUpstream | null,
): Promise<CheckInReply | null> {
  const endpoint = message.endpoint ?? '';
  if (!isEndpoint(endpoint)) {
    throw new Refusal(400, 'bad-endpoint', 'Endpoint is none of the four that Apple defines');
  }
  await keepCheckIn(ctx, message, arrival, {
    messageType: 'DeclarativeManagement',
    eventType: 'DeclarativeManagementReceived',
    data: () => ({ endpoint: shortText(endpoint, 800) }),
    effect: async () => {},
  });
  if (upstream === null) {
    throw new Refusal(500, 'no-declarative-management', '--dm is not set');
  }
  const data = message.data === undefined || message.data.length === 0 ? null : message.data;
  return upstream({ enrollment: message.enrollment, endpoint, data, traceId: arrival.traceId });
}

/**
 * Apple, `declarativemanagement.yaml`. A declaration's identifier may hold any character but a
 * control character; `.` and `..` would leave the base when the path is resolved, and half of a
 * surrogate pair has no bytes to write it with.
 */
function isEndpoint(endpoint: string): boolean {
  if (endpoint === 'tokens' || endpoint === 'declaration-items' || endpoint === 'status')
    return true;
  const parts = endpoint.split('/');
  const [word, type, ...identifier] = parts;
  if (word !== 'declaration' || type === undefined || identifier.length === 0) return false;
  return parts.every(
    (part) => part !== '' && part !== '.' && part !== '..' && !/[\p{Cc}\p{Cs}\\]/u.test(part),
  );
}
