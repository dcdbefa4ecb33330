import { readFileSync } from 'node:fs';
import { type GraphQLNamedType, isInterfaceType, isObjectType } from 'graphql';
import { expect, it } from 'vitest';
import { schema } from '../../schema/schema.ts';
import { eventTypes } from '../../server/model/events.ts';

const page = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');
const fieldsOf = (type: GraphQLNamedType | undefined) =>
  isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];

it('docs/events.md lists every kind of event with what the graph says of it', () => {
  const rows = [...page.matchAll(/^\| `(\w+)Event` \| (.+)$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(eventTypes);
  for (const [row, name] of rows) {
    const type = schema.getType(`${name}Event`);
    expect(isObjectType(type) && type.getInterfaces().map(String)).toContain('Event');
    expect(row).toContain(type?.description);
    const shared = new Set(fieldsOf(schema.getType('Event')).map((field) => field.name));
    for (const field of fieldsOf(type)) {
      if (!shared.has(field.name)) expect(row).toContain(`\`${field.name}\``);
    }
  }
});

it('every event has what the contract says that each has', () => {
  const shown = fieldsOf(schema.getType('Event')).map(
    ({ name, type }) => `${name}: ${String(type)}`,
  );
  expect(shown).toEqual(
    expect.arrayContaining([
      'number: String!',
      'id: ID!',
      'type: EventType!',
      'tenantId: String!',
      'tenant: Tenant',
      'at: DateTime!',
      'traceId: String',
      'actor: String',
      'enrollment: Enrollment',
      'command: Command',
      'result: CommandResult',
      'job: Job',
    ]),
  );
  for (const line of shown) expect(page).toContain(`| \`${line.replace(': ', '` | `')}\` |`);
});

it('docs/events.md names every code of a cursor that cannot be followed', () => {
  const source = readFileSync(new URL('../../server/model/errors.ts', import.meta.url), 'utf8');
  const codes = new Set(source.match(/CURSOR_[A-Z_]+/g));
  expect(codes.size).toBe(4);
  for (const code of codes) expect(page).toContain(`| \`${code}\` |`);
});
