import { startEscrowStandIn } from '../../clients/simulator/apns/escrow-stand-in.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { fetchProfile } from '../../clients/simulator/enroll.ts';
import { enrolByScep } from '../../clients/simulator/scep.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { buildCommand } from '../../server/protocol/messages/command.ts';
import { createToken } from '../../server/access/tokens.ts';
import { scopes } from '../../server/model/viewer.ts';
import { insertToken } from '../../server/store/tokens.ts';
import { type EnrollServer, rsaKey, startEnrollServer } from '../enrollment/enroll-server.ts';
import { type Answer, askText } from '../graph/ask.ts';
import { adminToken } from '../harness/server.ts';
import { type Apple, startApple } from '../push/apple.ts';

/** Some JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** A tenant with a token of every scope, and one of everything that a tenant can have. */
export interface Tenant {
  /** Stands in every text that this tenant brings along. */
  readonly mark: string;
  readonly id: number;
  readonly token: string;
  readonly tokenId: string;
  readonly topic: string;
  /** Two enrolled devices, of which the first has a user's channel, and a result. */
  readonly devices: readonly [Device, Device];
  readonly invitationId: string;
  readonly challenge: string;
  readonly userChannelId: string;
  /** A command that the first device has answered. */
  readonly answeredUuid: string;
  /** A command that waits for the first device. */
  readonly waitingUuid: string;
}

/** A server where two tenants have everything, and a third has nothing but a token. */
export interface World {
  readonly server: EnrollServer;
  readonly apple: Apple;
  readonly north: Tenant;
  readonly south: Tenant;
  readonly empty: { readonly id: number; readonly token: string };
  /** Asks with a token and demands an answer without top-level errors. */
  ask(token: string, query: string, variables?: Json): Promise<Json>;
  /** Asks with a token; errors are part of the answer. */
  askAnyway(token: string, query: string, variables?: Json): Promise<Answer<unknown>>;
  sql(text: string, values?: readonly unknown[]): Promise<readonly Json[]>;
  stop(): Promise<void>;
}

/** For what only an operator may do. */
export const operator = adminToken;

export async function startWorld(): Promise<World> {
  const apple = await startApple();
  const escrow = await startEscrowStandIn(apple.authority);
  const server = await startEnrollServer({
    flags: [...apple.flags, '--escrow-url', escrow.url.href],
  });
  const { graph: pool } = server.store.database;
  const askAnyway: World['askAnyway'] = (token, query, variables = {}) =>
    askText(server.graph, token, query, variables);
  const ask: World['ask'] = async (token, query, variables) => {
    const { data, errors } = await askAnyway(token, query, variables);
    if (errors) throw new Error(`${JSON.stringify(errors)} for ${query}`);
    return Object(data);
  };
  const parts = { server, apple, ask };
  const north = await plant(parts, 'north', 11);
  const south = await plant(parts, 'south', 12);
  const empty = await settle(server, 'empty', 13);
  return {
    ...parts,
    askAnyway,
    north,
    south,
    empty,
    sql: async (text, values = []) => (await pool.query(text, [...values])).rows,
    async stop() {
      await server.stop();
      await escrow.close();
      await apple.close();
    },
  };
}

async function settle({ store }: EnrollServer, name: string, id: number) {
  const { graph: pool } = store.database;
  await pool.query('insert into tenant (id, name) values ($1, $2)', [id, name]);
  const made = await createToken((token) => insertToken(pool, token), {
    name,
    scopes,
    tenant: id,
    expiresAt: null,
  });
  return { id, token: made.token, tokenId: made.id };
}

/** Runs a mutation and demands its payload. */
export async function mutated(
  { ask }: Pick<World, 'ask'>,
  token: string,
  name: string,
  input: Json,
  selection = '',
): Promise<Json> {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const answer = await ask(
    token,
    `mutation ($input: ${type}Input!) {
      ${name}(input: $input) { __typename ... on Error { code message path } ${selection} }
    }`,
    { input },
  );
  const { [name]: outcome } = answer;
  if (!String(Object(outcome).__typename).endsWith('Payload')) {
    throw new Error(`${name} answered ${JSON.stringify(outcome)}`);
  }
  return Object(outcome);
}

async function plant(
  parts: Pick<World, 'server' | 'apple' | 'ask'>,
  mark: string,
  id: number,
): Promise<Tenant> {
  const { server, apple } = parts;
  const { token, tokenId } = await settle(server, mark, id);
  const topic = `com.apple.mgmt.External.${mark}`;
  const pem = await apple.certificate(topic);
  await mutated(parts, token, 'uploadPushCertificate', { source: { pem }, newTopic: true });
  const invited = await mutated(
    parts,
    token,
    'createEnrollmentInvitation',
    { topic, tags: [`tag of ${mark}`], description: `for ${mark}`, useLimit: 5 },
    '... on CreateEnrollmentInvitationPayload { challenge enrollmentUrl invitation { invitationId } }',
  );
  const url = new URL(String(invited['enrollmentUrl']));
  const enrol = async (number: number): Promise<Device> => {
    const profile = await fetchProfile(url);
    const identity = await enrolByScep(profile.scep, { key: rsaKey() });
    const facts = deviceFacts(id * 1000 + number, { topic, deviceName: `${mark} ${number}` });
    const device = await server.device(number, { facts, identity });
    await device.enrol();
    return device;
  };
  const devices = [await enrol(1), await enrol(2)] as const;
  const [device] = devices;
  await device.tokenUpdate({ UnlockToken: Buffer.from(`unlock ${mark}`) });
  await device.setBootstrapToken(Buffer.from(`bootstrap ${mark}`));
  const user = { id: `USER-OF-${mark}`, shortName: mark, longName: `User of ${mark}` };
  await device.user(user).tokenUpdate();
  const queue = async (uuid: string) => {
    const plist = buildCommand('DeviceInformation', { Queries: ['DeviceName'] }, uuid).toString();
    const targets = { ids: [device.enrollmentId] };
    await mutated(parts, token, 'enqueueCommand', { targets, command: { plist }, push: false });
    return uuid;
  };
  const answeredUuid = await queue(`answered-${mark}`);
  await device.channel.connect();
  const waitingUuid = await queue(`waiting-${mark}`);
  await mutated(parts, token, 'pushEnrollments', { targets: { ids: [device.enrollmentId] } });
  return {
    mark,
    id,
    token,
    tokenId,
    topic,
    devices,
    invitationId: String(Object(invited['invitation']).invitationId),
    challenge: String(invited['challenge']),
    userChannelId: `${device.enrollmentId}:USER-OF-${mark}`,
    answeredUuid,
    waitingUuid,
  };
}
