import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import type { Device } from '../../clients/simulator/device.ts';
import { fetchProfile } from '../../clients/simulator/enroll.ts';
import type { EnrollmentProfile } from '../../clients/simulator/enrollment-profile.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { enrolByScep, type ScepOptions } from '../../clients/simulator/scep.ts';
import type {
  CreateEnrollmentInvitationInput,
  TypedDocumentString,
} from '../../generated/gql/graphql.ts';
import { createToken } from '../../server/access/tokens.ts';
import { type Clock, systemClock } from '../../server/model/clock.ts';
import { type Scope, scopes } from '../../server/model/viewer.ts';
import { insertToken } from '../../server/store/tokens.ts';
import { ask, dataOf } from '../graph/ask.ts';
import {
  adminToken,
  startServer,
  type TestServer,
  type TestServerOptions,
} from '../harness/server.ts';
import { createInvitation } from './documents.ts';

export const topic = 'com.apple.mgmt.External.enrolment-tests';

/** RSA keys take long to make: these are each as good as new for another device. */
export function keyPool(size: number): readonly KeyObject[] {
  return Array.from({ length: size }, () => rsaKey());
}

export function rsaKey(modulusLength = 2048): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey;
}

/** An invitation as its maker got it. */
export interface Invited {
  readonly id: string;
  readonly challenge: string;
  readonly url: URL;
}

/** A server with an authority of its own, whose address is known to it. */
export interface EnrollServer extends TestServer {
  readonly graph: { readonly url: string; readonly wsUrl: string };
  ask<Data, Variables extends object>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    token?: string,
  ): Promise<Data>;
  /** A token of a tenant of its own unless said otherwise, with every scope unless said. */
  token(options?: {
    readonly tenant?: number | null;
    readonly scopes?: readonly Scope[];
  }): Promise<string>;
  /** Makes an invitation; the topic is the tests' unless said otherwise. */
  invite(input?: Partial<CreateEnrollmentInvitationInput>, token?: string): Promise<Invited>;
  /** Enrols a new device by an invitation's page, as a person and a device do together. */
  enrolBy(
    invited: Invited,
    scep?: ScepOptions,
  ): Promise<{ readonly device: Device; readonly profile: EnrollmentProfile }>;
}

let devices = 50_000;

export async function startEnrollServer(
  options: TestServerOptions & { readonly publicUrl?: false } = {},
): Promise<EnrollServer> {
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const flags = [
    ...(options.publicUrl === false ? [] : ['--public-url', url]),
    ...(options.flags ?? []),
  ];
  const server = await startServer({ ownAuthority: true, ...options, port, flags });
  const graph = { url: `${url}/graphql`, wsUrl: `${url}/graphql`.replace('http', 'ws') };
  const { graph: pool } = server.store.database;
  const asked: EnrollServer = {
    ...server,
    graph,
    ask: (document, variables, token = adminToken) =>
      dataOf(ask(graph, token, document, variables)),
    async token({ tenant = 2, scopes: wanted = scopes } = {}) {
      await pool.query(
        "insert into tenant (id, name) values ($1::int, 'tenant ' || $1::text) on conflict do nothing",
        [tenant ?? 1],
      );
      const made = await createToken((token) => insertToken(pool, token), {
        name: `tenant ${tenant}`,
        scopes: wanted,
        tenant,
        expiresAt: null,
      });
      return made.token;
    },
    async invite(input = {}, token = adminToken) {
      const { createEnrollmentInvitation: made } = await asked.ask(
        createInvitation,
        { input: { topic, tags: [], ...input } },
        token,
      );
      if (made.__typename !== 'CreateEnrollmentInvitationPayload') {
        throw new Error(JSON.stringify(made));
      }
      const { challenge, enrollmentUrl, invitation } = made;
      return {
        id: invitation?.invitationId ?? '',
        challenge,
        url: new URL(enrollmentUrl ?? 'about:blank'),
      };
    },
    async enrolBy(invited, scep) {
      const profile = await fetchProfile(invited.url);
      const identity = await enrolByScep(profile.scep, scep);
      devices += 1;
      const facts = deviceFacts(devices, { topic: profile.mdm.topic });
      const device = await server.device(devices, { facts, identity });
      await device.enrol();
      return { device, profile };
    },
  };
  return asked;
}

async function freePort(): Promise<number> {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  await new Promise((resolve) => holder.close(resolve));
  return port;
}

/** A clock that goes with the machine's, and can be set ahead. */
export interface ShiftedClock extends Clock {
  ahead: number;
}

export function shiftedClock(): ShiftedClock {
  const clock: ShiftedClock = {
    ahead: 0,
    now: () => new Date(systemClock.now().getTime() + clock.ahead),
    setTimer: (ms, run) => systemClock.setTimer(ms, run),
  };
  return clock;
}
