import { adminToken, type TestServer } from '../harness/server.ts';

const mutation = `
mutation Enqueue($ids: [ID!]!, $plist: String!) {
  enqueueCommand(input: { targets: { ids: $ids }, command: { plist: $plist }, push: false }) {
    __typename
    ... on EnqueueCommandPayload { queuedCount }
    ... on Error { code message }
  }
}`;

/**
 * Queues a command as an integrator does, by the graph. Nothing is pushed, so that nothing but what a
 * test does happens to its devices.
 * @param ids enrolment ids
 * @returns for how many enrolments it was queued
 */
export async function enqueue(
  server: Pick<TestServer, 'url'>,
  ids: readonly string[],
  plist: string,
): Promise<number> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${adminToken}` },
    body: JSON.stringify({ query: mutation, variables: { ids, plist } }),
  });
  const answer = await response.text();
  const queued = /"queuedCount":(\d+)/.exec(answer)?.[1];
  if (queued === undefined) throw new Error(`enqueueCommand answered ${response.status} ${answer}`);
  return Number(queued);
}
