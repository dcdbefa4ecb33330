import type { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { adminToken, type TestServer } from '../harness/server.ts';
import { enqueueCommand, targetsOf } from './documents.ts';

/** Asks a server about its commands. */
export function controls(server: TestServer) {
  const graph = { url: `${server.url}/graphql` };
  const asked = <Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    token = adminToken,
  ): Promise<Data> => dataOf(ask(graph, token, document, variables));
  return {
    ask: asked,
    /** Queues a command for ids. @throws unless that is its outcome */
    async enqueue(ids: readonly string[], uuid: string, requestType = 'ProfileList') {
      const plist = buildCommand(requestType, {}, uuid).toString();
      const { enqueueCommand: outcome } = await asked(enqueueCommand, {
        input: {
          targets: { ids: [...ids] },
          channels: 'DEVICE',
          command: { plist },
          push: false,
          force: false,
          priority: 0,
          validateOnly: false,
        },
      });
      if (outcome.__typename !== 'EnqueueCommandPayload') throw new Error(JSON.stringify(outcome));
      return outcome;
    },
    /** How each target of a command stands. */
    async standing(uuid: string) {
      const { command } = await asked(targetsOf, { uuid, states: null });
      return command?.targets.edges.map(({ node }) => node) ?? [];
    },
  };
}
