import type { Count } from '../server/store/read/count.ts';
import type { builder } from './builder.ts';

/** A list that can be counted. */
export interface Counted {
  readonly count: () => Promise<Count>;
}

/** Counts when it is asked for, and once. */
export function counted(load: () => Promise<Count | undefined>): Counted {
  let count: Promise<Count> | undefined;
  return {
    count: () => (count ??= load().then((found) => found ?? { count: 0, isEstimate: false })),
  };
}

/** What makes the fields of a connection. */
export type CountFields<Shape> = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder.$inferSchemaTypes,
  Shape
>;

/**
 * The fields by which a connection is counted.
 * @param guess  what it is beyond 10,000
 */
export function countFields<Shape extends Counted>(
  field: CountFields<Shape>,
  what: string,
  guess: string,
) {
  return {
    totalCount: field.int({
      description: `${what}: exact to 10,000.`,
      resolve: async ({ count }: Counted) => (await count()).count,
    }),
    totalCountIsEstimate: field.boolean({
      description: `Whether \`totalCount\` is ${guess}.`,
      resolve: async ({ count }: Counted) => (await count()).isEstimate,
    }),
  };
}
