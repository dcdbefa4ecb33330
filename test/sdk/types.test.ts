import { describe, expectTypeOf, it } from 'vitest';
import type { Client } from '../../clients/sdk/client.ts';
import type { TypedDocument } from '../../clients/sdk/document.ts';
import type { EnrollmentKind } from '../../clients/sdk/generated/operations.ts';
import { isError } from '../../clients/sdk/result.ts';

// Nothing here runs: `npm run check` judges it.
declare const mdm: Client;
declare const search: TypedDocument<{ enrollments: { totalCount: number } }, { prefix: string }>;
declare const plain: TypedDocument<{ eventCursor: string }, Record<string, never>>;

describe('types', () => {
  it('are those of the document', () => {
    const use = async () => {
      expectTypeOf(await mdm.query(search, { prefix: 'C02' })).toEqualTypeOf<{
        enrollments: { totalCount: number };
      }>();
      expectTypeOf(await mdm.query(plain)).toEqualTypeOf<{ eventCursor: string }>();
      expectTypeOf(await mdm.query('{ eventCursor }')).toBeUnknown();
      // @ts-expect-error a variable is missing
      await mdm.query(search);
      // @ts-expect-error a variable has the wrong type
      await mdm.query(search, { prefix: 1 });
    };
    expectTypeOf(use).toBeFunction();
  });

  it('of a device know what may be null', () => {
    const use = async () => {
      for await (const device of mdm.enrollments()) {
        expectTypeOf(device.enrollmentId).toEqualTypeOf<string>();
        expectTypeOf(device.serialNumber).toEqualTypeOf<string | null>();
        expectTypeOf(device.kind).toEqualTypeOf<EnrollmentKind>();
      }
    };
    expectTypeOf(use).toBeFunction();
  });

  it('tell errors and payload apart', () => {
    const use = async () => {
      const sent = await mdm.enqueue({ targets: { ids: ['A'] }, plist: '' });
      expectTypeOf(sent.__typename).toEqualTypeOf<
        | 'ConflictError'
        | 'EnqueueCommandPayload'
        | 'ForbiddenError'
        | 'NotFoundError'
        | 'QueryTooExpensiveError'
        | 'ValidationError'
      >();
      if (isError(sent)) {
        expectTypeOf(sent.code).toEqualTypeOf<string>();
        // @ts-expect-error an error has no results
        sent.results();
        return;
      }
      expectTypeOf(sent.queuedCount).toEqualTypeOf<number>();
      for await (const result of sent.results()) {
        expectTypeOf(result.__typename).toEqualTypeOf<
          'CommandAnsweredEvent' | 'CommandEndedEvent' | 'CommandNotNowEvent'
        >();
      }
      // @ts-expect-error one of both
      await mdm.enqueue({ targets: { ids: ['A'] }, plist: '', command: { plist: '' } });
      // @ts-expect-error nobody is meant
      await mdm.enqueue({ targets: {}, plist: '' });
    };
    expectTypeOf(use).toBeFunction();
  });

  it('have checkpoints only where they were asked for', () => {
    const use = async () => {
      for await (const event of mdm.commandResults()) {
        expectTypeOf(event.cursor).toEqualTypeOf<string>();
        // @ts-expect-error there is none
        expectTypeOf(event.__typename).extract<'Checkpoint'>().toEqualTypeOf<'Checkpoint'>();
      }
      for await (const event of mdm.commandResults({ checkpoints: true })) {
        expectTypeOf(event.__typename).extract<'Checkpoint'>().toEqualTypeOf<'Checkpoint'>();
      }
    };
    expectTypeOf(use).toBeFunction();
  });
});
