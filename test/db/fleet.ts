import type { Device } from '../../clients/simulator/device.ts';
import { askText } from '../graph/ask.ts';
import { adminToken, type TestServer } from '../harness/server.ts';

const graphOf = ({ url }: TestServer) => ({ url: `${url}/graphql` });

/** The event stream's position now. */
export async function cursorOf(server: TestServer): Promise<string> {
  const { data } = await askText(graphOf(server), adminToken, '{ eventCursor }');
  return String(Object(data).eventCursor);
}

/** Subscribes after a cursor and reads until one of these words is told. @returns what was told */
export async function told(server: TestServer, after: string, word: RegExp): Promise<string> {
  const abort = new AbortController();
  const response = await fetch(graphOf(server).url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${adminToken}`,
      'Content-Type': 'application/json',
      Accept: 'text/event-stream',
    },
    body: JSON.stringify({
      query: `subscription ($after: String) { events(after: $after) {
        __typename ... on CommandAnsweredEvent { commandUuid } } }`,
      variables: { after },
    }),
    signal: abort.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!word.test(text)) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    text += value ?? '';
  }
  abort.abort();
  return text;
}

/** The device as it goes on at another server: the same facts and certificate. */
export function sameDevice(server: TestServer, number: number, device: Device): Promise<Device> {
  return server.device(number, { identity: device.identity });
}
