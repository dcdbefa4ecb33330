import type { Authority } from '../../clients/simulator/identity.ts';
import { makePushAuthority } from '../../clients/simulator/apns/push-certificates.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { createToken } from '../../server/access/tokens.ts';
import { type Scope, scopes } from '../../server/model/viewer.ts';
import { insertToken } from '../../server/store/tokens.ts';
import type { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { ask, dataOf } from '../graph/ask.ts';
import {
  adminToken,
  startServer,
  type TestServer,
  type TestServerOptions,
} from '../harness/server.ts';
import { upload } from './documents.ts';

/** What differs from one upload to the next. */
export interface UploadInput {
  readonly source: { readonly pem: string } | { readonly pkcs12: string };
  readonly password?: string;
  readonly renews?: string;
  readonly newTopic?: boolean;
  readonly force?: boolean;
  readonly idempotencyKey?: string;
}

/** A server, and an authority that stands for Apple's. */
export interface PushServer extends TestServer {
  readonly apple: Authority;
  readonly graph: { readonly url: string; readonly wsUrl: string };
  /** Every answer of the graph that was asked for through here, as text. */
  readonly answers: readonly string[];
  ask<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    token?: string,
  ): Promise<Data>;
  /** A token of a tenant of its own unless said otherwise, with every scope unless said. */
  token(options?: {
    readonly tenant?: number;
    readonly scopes?: readonly Scope[];
  }): Promise<string>;
  upload(input: UploadInput, token?: string): Promise<UploadOutcome>;
  /** Enrols a new device on a topic. */
  enrolOn(topic: string): Promise<void>;
}

export type UploadOutcome = Awaited<ReturnType<typeof uploaded>>;

async function uploaded(server: { readonly url: string }, token: string, input: UploadInput) {
  const variables = { input: { newTopic: false, force: false, ...input } };
  const data = await dataOf(ask(server, token, upload, variables));
  return data.uploadPushCertificate;
}

let devices = 0;

export async function startPushServer(options: TestServerOptions = {}): Promise<PushServer> {
  const server = await startServer(options);
  const graph = {
    url: `${server.url}/graphql`,
    wsUrl: `${server.url}/graphql`.replace('http', 'ws'),
  };
  const answers: string[] = [];
  const { graph: pool } = server.store.database;
  return {
    ...server,
    apple: await makePushAuthority(),
    graph,
    answers,
    async ask(document, variables, token = adminToken) {
      const data = await dataOf(ask(graph, token, document, variables));
      answers.push(JSON.stringify(data));
      return data;
    },
    async token({ tenant = 2, scopes: wanted = scopes } = {}) {
      await pool.query(
        "insert into tenant (id, name) values ($1::int, 'tenant ' || $1::text) on conflict do nothing",
        [tenant],
      );
      const made = await createToken((token) => insertToken(pool, token), {
        name: `tenant ${tenant}`,
        scopes: wanted,
        tenant,
        expiresAt: null,
      });
      return made.token;
    },
    async upload(input, token = adminToken) {
      const outcome = await uploaded(graph, token, input);
      answers.push(JSON.stringify(outcome));
      return outcome;
    },
    async enrolOn(topic) {
      devices += 1;
      const device = await server.device(devices, { facts: { ...deviceFacts(devices), topic } });
      await device.enrol();
    },
  };
}

/** A topic that no other test uses. */
export function topicNamed(name: string): string {
  return `com.apple.mgmt.External.${name}`;
}
