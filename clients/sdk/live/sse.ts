import { TransportError } from '../errors.ts';
import { type Answer, type Operation, readAnswer, send, type Wire } from '../requests/http.ts';
import { createSseReader } from './sse-events.ts';
import type { Transport } from './transport.ts';

export interface SseSettings extends Wire {
  /** How long the server may send nothing, not even a comment, in milliseconds. */
  readonly silence: number;
}

/** Subscriptions by server-sent events, as POST and fetch: EventSource could not send the token. */
export function sseTransport(settings: SseSettings): Transport {
  const { silence } = settings;

  async function* subscribe(
    operation: Operation,
    signal: AbortSignal,
  ): AsyncGenerator<Answer, void, undefined> {
    const connection = new AbortController();
    const abort = () => connection.abort();
    if (signal.aborted) return;
    signal.addEventListener('abort', abort);
    let watch = setTimeout(abort, silence);
    const heard = () => {
      clearTimeout(watch);
      watch = setTimeout(abort, silence);
    };
    try {
      const response = await send(settings, operation, 'text/event-stream', connection.signal);
      heard();
      const isStream = (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream');
      if (isStream) yield* answersIn(response, heard);
      else yield await readAnswer(response);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      clearTimeout(watch);
      signal.removeEventListener('abort', abort);
      connection.abort();
    }
  }

  return { subscribe, close() {} };
}

async function* answersIn(
  response: Response,
  heard: () => void,
): AsyncGenerator<Answer, void, undefined> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  const eventsIn = createSseReader();
  for (;;) {
    const read = await reader?.read().catch((cause: unknown) => {
      throw new TransportError('The connection was cut.', { cause });
    });
    if (!read || read.done) throw new TransportError('The connection was cut.');
    heard();
    for (const { event, data } of eventsIn(decoder.decode(read.value, { stream: true }))) {
      if (event === 'complete') return;
      if (event === 'next') yield JSON.parse(data) as Answer;
    }
  }
}
