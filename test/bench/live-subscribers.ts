import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { z } from 'zod';
import {
  deliveryKey,
  type LiveOrder,
  type LiveSaid,
  type LiveWord,
  monotonicMs,
} from './live-words.ts';

// The subscribers, in a process of their own: each has a WebSocket and a filter.

const query = `subscription ($enrollments: [ID!]!, $after: String) {
  commandResults(filter: { enrollments: $enrollments }, after: $after) {
    ... on CommandAnsweredEvent {
      enrollmentId commandUuid status requestType
      enrollment { serialNumber }
      result { answer { mismatches ... on DeviceInformationAnswer { queryResponses { deviceName osVersion } } } }
    }
  }
}`;

const item = z.object({
  commandResults: z.object({
    enrollmentId: z.string().optional(),
    commandUuid: z.string().optional(),
  }),
});

const came = new Map<string, { times: number; last: number }>();
const problems: string[] = [];
let deliveries = 0;

async function subscribe({ url, tokens, follow, after }: LiveOrder): Promise<void> {
  const connected = follow.map((enrollments, at) => {
    const token = tokens[at % tokens.length] ?? '';
    return new Promise<void>((resolve) => {
      const client = createClient({
        url: url.replace(/^http/, 'ws'),
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
        on: { connected: () => resolve() },
      });
      client.subscribe(
        { query, variables: { enrollments, after } },
        {
          next: ({ data, errors }) => heard(data, errors),
          error: (error) => void problems.push(JSON.stringify(error)),
          complete: () => void problems.push('completed'),
        },
      );
    });
  });
  await Promise.all(connected);
}

function heard(data: unknown, errors: unknown): void {
  const now = monotonicMs();
  if (errors !== undefined) problems.push(JSON.stringify(errors));
  const { enrollmentId, commandUuid } = item.parse(data).commandResults;
  // A checkpoint.
  if (enrollmentId === undefined || commandUuid === undefined) return;
  deliveries += 1;
  const key = deliveryKey(enrollmentId, commandUuid);
  came.set(key, { times: (came.get(key)?.times ?? 0) + 1, last: now });
}

async function collect(expected: number): Promise<LiveSaid> {
  for (let quiet = 0, before = deliveries; deliveries < expected && quiet < 20; ) {
    await delay(250);
    quiet = deliveries === before ? quiet + 1 : 0;
    before = deliveries;
  }
  return {
    say: 'collected',
    came: [...came].map(([key, { times, last }]) => [key, times, last]),
    problems: problems.slice(0, 5),
  };
}

async function obey(word: LiveWord): Promise<LiveSaid> {
  if (word.do === 'collect') return collect(word.expected);
  await subscribe(word.order);
  return { say: 'subscribed' };
}

process.on('message', (word: LiveWord) => {
  void obey(word).then((said) => process.send?.(said));
});
process.once('disconnect', () => process.exit());
