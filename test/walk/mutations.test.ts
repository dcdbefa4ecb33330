import { randomUUID } from 'node:crypto';
import { getNamedType, type GraphQLField, isInputObjectType, isUnionType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { decodeCursor } from '../../server/events/cursor.ts';
import { eventLinks } from '../../server/model/event-links.ts';
import { eventTypes } from '../../server/model/events.ts';
import { type Example, examples } from './examples.ts';
import { type Json, operator, startWorld, type World } from './world.ts';

// Whoever adds a mutation finds out here what it owes: a typed input with an idempotency key, an audit
// entry, a tenant. All it takes is an example of a call that works, in `examples.ts`.

const fields: readonly GraphQLField<unknown, unknown>[] = Object.values(
  schema.getMutationType()?.getFields() ?? {},
);
const inputOf = (field: GraphQLField<unknown, unknown>) => {
  const [only, ...others] = field.args;
  const type = only && getNamedType(only.type);
  return only?.name === 'input' && others.length === 0 && isInputObjectType(type) ? type : null;
};
const ordered = fields
  .flatMap((field) => {
    const { [field.name]: example } = examples;
    return example ? [{ field, example }] : [];
  })
  .toSorted((a, b) => (a.example.last ?? 0) - (b.example.last ?? 0));

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

interface Outcome {
  readonly type: string;
  readonly code: string | null;
  readonly replayed: unknown;
  readonly cursor: unknown;
  readonly all: Json;
}

/** Runs a mutation, with what every payload must have selected. */
async function run(
  token: string,
  field: GraphQLField<unknown, unknown>,
  input: Json,
): Promise<Outcome> {
  const type = getNamedType(field.type);
  const payloads = isUnionType(type)
    ? type.getTypes().filter((one) => !one.getInterfaces().some(({ name }) => name === 'Error'))
    : [];
  const selections = payloads.map(
    ({ name }, at) => `... on ${name} { replayed${at}: replayed cursor${at}: cursor }`,
  );
  const answer = await world.ask(
    token,
    `mutation ($input: ${inputOf(field)?.name}!) {
      ${field.name}(input: $input) { __typename ... on Error { code message path } ${selections.join(' ')} }
    }`,
    { input },
  );
  const all: Json = Object(answer[field.name]);
  const find = (name: string) =>
    Object.entries(all).find(([key]) => new RegExp(`^${name}\\d+$`).test(key))?.[1];
  return {
    type: String(all['__typename']),
    code: typeof all['code'] === 'string' ? all['code'] : null,
    replayed: find('replayed'),
    cursor: find('cursor'),
    all,
  };
}

/** Whether it works on many enrolments (an import reads its lines even in a dry run, as a job). */
function isBulk(field: GraphQLField<unknown, unknown>): boolean {
  const { targets, commandUuid } = inputOf(field)?.getFields() ?? {};
  return targets !== undefined || commandUuid !== undefined;
}

async function auditOf(action: string): Promise<number> {
  const [row] = await world.sql(
    'select count(*)::int as count from audit_entry where action = $1',
    [action],
  );
  return Number(row?.['count']);
}

/** What jobs that others asked for may bring at any time. */
const later = `'PushAccepted', 'PushFailed', 'JobProgressed'`;

/** Everything that says that something was done in a tenant. */
async function traces(tenant: number): Promise<Json | undefined> {
  const [row] = await world.sql(
    `select (select count(*)::int from audit_entry where tenant_id = $1) as audited,
       (select count(*)::int from event where tenant_id = $1
         and type not in (${later})) as events`,
    [tenant],
  );
  return row;
}

/**
 * The lowest number that events of the last call of a mutation have, or will have: events of others may be
 * numbered meanwhile.
 */
async function firstNumberOf(mutation: string): Promise<bigint> {
  const [row] = await world.sql(
    `select coalesce(min(v.seq), (select last_seq + 1 from event_stream))::text as seq
     from event v where v.trace_id = (
       select trace_id from audit_entry where action = $1 order by key desc limit 1)`,
    [mutation],
  );
  return BigInt(String(row?.['seq']));
}

function tokenFor({ operator: isOperators }: Example): string {
  return isOperators ? operator : world.north.token;
}

describe('every mutation', () => {
  it('takes one input, with an idempotency key', () => {
    expect(fields.filter((field) => !inputOf(field)).map(({ name }) => name)).toEqual([]);
    const without = fields.filter((field) => !inputOf(field)?.getFields()['idempotencyKey']);
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it('answers a union of its payload and of typed errors', () => {
    const without = fields.filter(({ type }) => {
      const named = getNamedType(type);
      const members = isUnionType(named) ? named.getTypes().map(({ name }) => name) : [];
      const errors = ['ValidationError', 'NotFoundError', 'ConflictError', 'ForbiddenError'];
      return !errors.every((error) => members.includes(error));
    });
    expect(without.map(({ name }) => name)).toEqual([]);
  });

  it('on many has a dry run, which says how many and which', () => {
    const without = fields.filter((field) => {
      const { targets, validateOnly } = inputOf(field)?.getFields() ?? {};
      return targets && !validateOnly;
    });
    expect(without.map(({ name }) => name)).toEqual([]);
    for (const field of fields.filter((one) => inputOf(one)?.getFields()['targets'])) {
      const named = getNamedType(field.type);
      const payload = isUnionType(named)
        ? named.getTypes().find(({ name }) => name.endsWith('Payload'))
        : null;
      const names = Object.keys(payload?.getFields() ?? {});
      expect(
        names.filter((name) => /^count$|Count$/.test(name)),
        field.name,
      ).not.toEqual([]);
      const which = ['enrollments', 'targets', 'sample', 'enrollmentIds'];
      expect(
        names.filter((name) => which.includes(name)),
        field.name,
      ).not.toEqual([]);
    }
  });

  it.each([
    ['pushEnrollments', 'PushEnrollments'],
    ['exportEnrollments', 'ExportEnrollments'],
    ['rebuildInventory', 'RebuildInventory'],
  ])('%s names whom it would be about', async (name, type) => {
    const { token, devices } = world.north;
    const ids = devices.map(({ enrollmentId }) => enrollmentId);
    const input = { targets: { filter: { ids } }, channels: 'DEVICE', validateOnly: true };
    const answer = await world.ask(
      token,
      `mutation ($input: ${type}Input!) { ${name}(input: $input) {
        ... on ${type}Payload { job { id } targetCount enrollments { enrollmentId } } } }`,
      { input },
    );
    const enrollments = ids.toSorted().map((enrollmentId) => ({ enrollmentId }));
    expect(answer).toEqual({ [name]: { job: null, targetCount: 2, enrollments } });
  });

  it('has an example in test/walk/examples.ts, which the tests below run', () => {
    const without = fields.filter(({ name }) => !Object.hasOwn(examples, name));
    expect(without.map(({ name }) => name)).toEqual([]);
    const gone = Object.keys(examples).filter((name) => !fields.some((one) => one.name === name));
    expect(gone).toEqual([]);
  });

  describe.each(ordered)('$field.name', ({ field, example }) => {
    let input: Json;

    it('does nothing to what is another tenant’s', async () => {
      input = await example.input(world, world.north);
      const before = await traces(world.north.id);
      const outcome = await run(world.empty.token, field, input);
      const { foreign = 'NotFoundError' } = example;
      if (foreign === 'OWN') expect(outcome.code, JSON.stringify(outcome.all)).toBeNull();
      else expect(outcome.type, JSON.stringify(outcome.all)).toBe(foreign);
      expect(await traces(world.north.id)).toEqual(before);
    });

    it.runIf(isBulk(field))('does nothing in a dry run', async () => {
      const before = await traces(world.north.id);
      const audited = await auditOf(field.name);
      const outcome = await run(tokenFor(example), field, { ...input, validateOnly: true });
      expect(outcome, JSON.stringify(outcome.all)).toMatchObject({ code: null, replayed: false });
      expect(await auditOf(field.name)).toBe(audited);
      expect(await traces(world.north.id)).toEqual(before);
    });

    it('is done once for its idempotency key, answers a cursor, and is audited', async () => {
      const token = tokenFor(example);
      const audited = await auditOf(field.name);
      const keyed = { ...input, idempotencyKey: randomUUID() };
      const first = await run(token, field, keyed);
      expect(first.code, JSON.stringify(first.all)).toBeNull();
      expect(first).toMatchObject({ replayed: false, cursor: expect.any(String) });
      expect(await auditOf(field.name), 'audit entries with its name').toBe(audited + 1);
      expect(await firstNumberOf(field.name)).toBeGreaterThan(
        decodeCursor(String(first.cursor)).seq,
      );
      const again = await run(token, field, keyed);
      expect(again, JSON.stringify(again.all)).toMatchObject({ type: first.type, replayed: true });
      expect(again.cursor).toBe(first.cursor);
      expect(await auditOf(field.name), 'audit entries after the repeat').toBe(audited + 1);
    });
  });
});

describe('every event that all of this made', () => {
  it('takes 1 KB at most, and links to nothing but what its kind is listed with', async () => {
    const rows = await world.sql(
      `select type, max(octet_length(data::text)) as bytes, bool_or(enrollment_key is not null) as enrollment,
         bool_or(command_key is not null) as command, bool_or(job_id is not null) as job
       from event group by type`,
    );
    expect(rows.length).toBeGreaterThan(20);
    for (const { type, bytes, ...has } of rows) {
      expect(Number(bytes), String(type)).toBeLessThanOrEqual(1024);
      const links: readonly string[] =
        eventLinks[eventTypes.find((one) => one === type) ?? 'EnrollmentIdle'];
      for (const [link, is] of Object.entries(has)) {
        if (is === true) expect(links, String(type)).toContain(link);
      }
    }
  });
});
