import { randomBytes } from 'node:crypto';
import { enrollmentPlace } from '../../server/mdm/check-in/store-raw.ts';
import { type Scope, scopes } from '../../server/model/viewer.ts';
import { createToken } from '../../server/access/tokens.ts';
import { createKeyring } from '../../server/secrets/keyring.ts';
import { insertToken } from '../../server/store/tokens.ts';
import type { PushJobQuery, TypedDocumentString } from '../../generated/gql/graphql.ts';
import { defaultTopic } from '../../clients/simulator/facts.ts';
import { ask, dataOf } from '../graph/ask.ts';
import { bySse, type Subscribe } from '../graph/subscribe.ts';
import type { TestDatabase } from '../harness/database.ts';
import {
  adminToken,
  startServer,
  type TestServer,
  type TestServerOptions,
} from '../harness/server.ts';
import type { Apple } from './apple.ts';
import { eventCursor, job, progress, standing, upload } from './documents.ts';

export { defaultTopic as topic };

/** A row that can be pushed to, without a device that answers. */
export interface Pushable {
  readonly id: string;
  readonly pushToken: Buffer;
}

/** The whole server, pushing to the stand-in. */
export interface PushServer extends TestServer {
  readonly graph: { readonly url: string; readonly wsUrl: string };
  ask<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    token?: string,
  ): Promise<Data>;
  /** The items of a subscription, until the loop over them is left. */
  follow<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    by?: Subscribe,
  ): AsyncGenerator<Data>;
  cursor(): Promise<string>;
  /** How pushing to an enrolment stands. */
  standing(id: string): Promise<NonNullable<Standing>>;
  /** Gives the topic a new push certificate, of the stand-in's authority or another's. */
  certify(topic?: string, by?: Apple): Promise<void>;
  /** A token of a tenant, with every scope unless said. */
  token(tenant: number, wanted?: readonly Scope[]): Promise<string>;
  /** Waits for a job's end. @returns the job as it stands then */
  ended(jobId: string, after: string): Promise<JobStanding>;
  /** Runs SQL as a test's way to turn time. */
  sql(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

export type JobStanding = NonNullable<PushJobQuery['job']>;

type Standing = Awaited<ReturnType<typeof standingOf>>;

async function standingOf(server: { readonly url: string }, id: string) {
  const { enrollment } = await dataOf(ask(server, adminToken, standing, { id }));
  return enrollment?.push ?? null;
}

export async function startPushServer(
  apple: Apple,
  options: TestServerOptions = {},
): Promise<PushServer> {
  const server = await startServer({
    ...options,
    flags: [...apple.flags, ...(options.flags ?? [])],
  });
  const graph = {
    url: `${server.url}/graphql`,
    wsUrl: `${server.url}/graphql`.replace('http', 'ws'),
  };
  const { graph: pool } = server.store.database;
  const self: PushServer = {
    ...server,
    graph,
    ask: (document, variables, token = adminToken) =>
      dataOf(ask(graph, token, document, variables)),
    async *follow(document, variables, by = bySse) {
      const subscribed = await by(graph, adminToken, document, variables);
      try {
        for (;;) {
          const { done, value } = await subscribed.next();
          if (done) return;
          if (value.errors || value.data === undefined) throw new Error(JSON.stringify(value));
          yield value.data;
        }
      } finally {
        await subscribed.close();
      }
    },
    cursor: async () => (await self.ask(eventCursor, {})).eventCursor,
    async standing(id) {
      const found = await standingOf(graph, id);
      if (found === null) throw new Error(`nothing has the id ${id}`);
      return found;
    },
    async certify(topic = defaultTopic, by = apple) {
      const pem = await by.certificate(topic);
      const { uploadPushCertificate: outcome } = await self.ask(upload, {
        input: { source: { pem }, newTopic: true, force: false },
      });
      if (outcome.__typename !== 'UploadPushCertificatePayload') {
        throw new Error(JSON.stringify(outcome));
      }
    },
    async token(tenant, wanted = scopes) {
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
    async ended(jobId, after) {
      for await (const { jobProgress: item } of self.follow(progress, { job: jobId, after })) {
        if (item.__typename !== 'JobProgressedEvent') continue;
        if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(item.state ?? '')) break;
      }
      const { job: found } = await self.ask(job, { id: jobId });
      if (!found) throw new Error(`there is no job ${jobId}`);
      return found;
    },
    sql: async (text, values = []) => (await pool.query(text, [...values])).rows,
  };
  return self;
}

const keyring = createKeyring([Buffer.alloc(32, 7)]);

/** Writes rows of enrolled devices, as many as wanted, by one statement. */
export async function pushables(
  { database }: TestDatabase,
  ids: readonly string[],
  row: { readonly topic?: string; readonly tenant?: number } = {},
): Promise<readonly Pushable[]> {
  const made = ids.map((id) => ({ id, pushToken: randomBytes(32) }));
  await database.graph.query(
    `insert into enrollment (id, tenant_id, kind, enabled, topic, push_token, push_magic,
       token_updated_at, enrolled_at)
     select id, $4, 'DEVICE', true, $5, token, magic, now() - interval '1 hour', now()
     from unnest($1::text[], $2::bytea[], $3::bytea[]) as d (id, token, magic)`,
    [
      made.map(({ id }) => id),
      made.map(({ pushToken }) => pushToken),
      made.map(({ id }) =>
        keyring.seal(enrollmentPlace('push_magic', id), Buffer.from(`magic of ${id}`)),
      ),
      row.tenant ?? 1,
      row.topic ?? defaultTopic,
    ],
  );
  return made;
}

/** As many ids as wanted. */
export function idsNamed(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${name}-${String(at).padStart(5, '0')}`);
}
