import type { Credentials } from '../credentials.ts';
import { type GraphqlError, TransportError } from '../errors.ts';

/** Where the graph is, and how it is reached over HTTP. */
export interface Wire {
  readonly url: string;
  readonly credentials: Credentials;
  readonly fetch: typeof fetch;
}

/** An operation as it goes over the wire. */
export interface Operation {
  readonly query: string;
  readonly variables: object;
  readonly operationName?: string | undefined;
}

/** What GraphQL answers. */
export interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly GraphqlError[] | undefined;
}

/**
 * Sends an operation.
 * @returns the response, once it is clear that it is an answer of the graph
 * @throws {UnauthorizedError} status 401
 * @throws {TransportError} no response, or one that is not the graph's
 */
export async function send(
  { url, credentials, fetch }: Wire,
  operation: Operation,
  accept: string,
  signal: AbortSignal,
): Promise<Response> {
  const authorization = await credentials.header();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: accept, Authorization: authorization },
    body: JSON.stringify(operation),
    signal,
  }).catch((cause: unknown) => {
    throw new TransportError('The server was not reached.', { cause });
  });
  if (response.status === 401) {
    throw credentials.refused(authorization, await firstMessage(response));
  }
  if (response.body !== null && isAnswer(response)) return response;
  await response.body?.cancel().catch(() => {});
  throw new TransportError(`The server answered with status ${response.status}.`, {
    status: response.status,
    retryAfter: retryAfter(response),
  });
}

/**
 * Reads a JSON answer.
 * @throws {TransportError} it was cut off, or is something else
 */
export async function readAnswer(response: Response): Promise<Answer> {
  try {
    const answer: unknown = await response.json();
    if (isRecord(answer) && ('data' in answer || Array.isArray(answer['errors']))) return answer;
  } catch (cause) {
    throw new TransportError('The answer was cut off.', { status: response.status, cause });
  }
  throw new TransportError('The answer is not of GraphQL.', { status: response.status });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Proxies answer in words of their own; only the graph answers in these types. */
function isAnswer({ headers, status }: Response): boolean {
  const type = headers.get('Content-Type') ?? '';
  if (type.startsWith('application/graphql-response+json')) return true;
  if (type.startsWith('text/event-stream')) return status === 200;
  return type.startsWith('application/json') && ![408, 429, 502, 503, 504].includes(status);
}

function retryAfter({ headers }: Response): number | null {
  const seconds = Number(headers.get('Retry-After') ?? Number.NaN);
  return seconds >= 0 ? seconds * 1000 : null;
}

async function firstMessage(response: Response): Promise<string> {
  const { errors } = await readAnswer(response).catch((): Answer => ({}));
  return errors?.[0]?.message ?? 'The server does not accept this token.';
}
