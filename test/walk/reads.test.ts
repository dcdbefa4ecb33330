import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { nodesIn, objects, plan, type Step, unknownArguments } from './plan.ts';
import { argumentsFor } from './arguments.ts';
import { startWorld, type Tenant, type World } from './world.ts';

// Every field of every type that a query can get to, asked for with a foreign token. Whoever adds a type
// or a field finds out here when it shows what is another tenant's.

let world: World;
/** Everything that a tenant has: types by global ids. */
const owned = new Map<string, ReadonlyMap<string, string>>();
/** The types of nodes that were seen by their owner. */
const typesSeen = new Set<string>();

interface Told {
  readonly step: Step;
  readonly text: string;
  readonly data: unknown;
}

/** Asks all there is to ask about a tenant's things. */
async function walk(
  token: string,
  about: Tenant,
  nodes: readonly string[],
  take: (step: Step) => boolean = () => true,
): Promise<readonly Told[]> {
  const waiting = plan(argumentsFor(about), nodes).filter(take);
  const told: Told[] = [];
  const ask = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const { data, errors } = await world.askAnyway(token, step.query);
      const broken = errors?.find(({ extensions }) =>
        /INTERNAL|VALIDATION|PARSE|TOO_/.test(String(extensions['code'])),
      );
      if (broken) throw new Error(`${step.place}: ${JSON.stringify(broken)} for ${step.query}`);
      told.push({ step, data, text: JSON.stringify({ data, errors }) });
    }
  };
  await Promise.all([ask(), ask(), ask(), ask()]);
  return told;
}

/** The owner's own walk: the ids that the roots show lead to all the rest. */
async function ownWalk(tenant: Tenant): Promise<void> {
  const found = new Map<string, string>();
  const keep = (told: readonly Told[]) => {
    for (const { id, typename } of told.flatMap(({ data }) => nodesIn(data))) {
      found.set(id, typename);
      typesSeen.add(typename);
    }
  };
  keep(await walk(tenant.token, tenant, [], ({ type }) => type === 'Query'));
  keep(await walk(tenant.token, tenant, sampled(found)));
  owned.set(tenant.mark, found);
}

/** A few of each type: `nodes` takes a hundred. */
function sampled(found: ReadonlyMap<string, string> | undefined): readonly string[] {
  const counts = new Map<string, number>();
  return [...(found ?? [])].flatMap(([id, typename]) => {
    const count = (counts.get(typename) ?? 0) + 1;
    counts.set(typename, count);
    return count <= 3 ? [id] : [];
  });
}

function leaksIn(told: readonly Told[], of: Tenant): readonly string[] {
  const own = owned.get(of.mark) ?? new Map<string, string>();
  const words = [
    of.mark,
    ...of.devices.map(({ enrollmentId }) => enrollmentId),
    ...of.devices.map(({ facts }) => facts.serialNumber),
  ];
  return told.flatMap(({ step, text, data }) => {
    // What was asked for stands in messages and paths of errors.
    const shown = nodesIn(data).filter(({ id }) => own.has(id));
    const said = words.filter((word) => JSON.stringify(data ?? null).includes(word));
    return shown.length + said.length > 0 ? [`${step.place}: ${text.slice(0, 500)}`] : [];
  });
}

beforeAll(async () => {
  world = await startWorld();
  await ownWalk(world.south);
  await ownWalk(world.north);
});
afterAll(() => world.stop());

describe('a walk over every field of every type', () => {
  it('knows a value for every argument that has to be given (test/walk/arguments.ts)', () => {
    expect(unknownArguments(argumentsFor(world.north))).toEqual([]);
  });

  it('shows its owner a node of every type (else plant one in test/walk/world.ts)', () => {
    const all = objects(schema.getType('Node')).map(({ name }) => name);
    expect(all.filter((name) => !typesSeen.has(name))).toEqual([]);
  });

  it('shows a tenant that has nothing nothing of another’s', async () => {
    const { north, empty } = world;
    const told = await walk(empty.token, north, sampled(owned.get('north')));
    expect(leaksIn(told, north)).toEqual([]);
    const counted = told.flatMap(({ step, text }) =>
      /"totalCount":[1-9]/.test(text) && !ofItself.has(step.place.replace(/^Query\./, ''))
        ? [`${step.place}: ${text.slice(0, 300)}`]
        : [],
    );
    expect(counted).toEqual([]);
  });

  it('shows a tenant that has everything only what is its own', async () => {
    const { north, south } = world;
    const nodes = [...sampled(owned.get('south')), ...sampled(owned.get('north'))];
    expect(leaksIn(await walk(south.token, north, nodes), north)).toEqual([]);
  });

  it('shows a token without a scope nothing', async () => {
    const token = await world.server.token({ tenant: world.north.id, scopes: [] });
    const told = await walk(token, world.north, sampled(owned.get('north')));
    expect(leaksIn(told, world.north)).toEqual([]);
  });
});

/** What even a tenant with nothing has one of. */
const ofItself: ReadonlySet<string> = new Set(['apiTokens', 'auditEntries', 'tenants']);
