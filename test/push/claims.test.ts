import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { gate } from '../apns/waits.ts';
import { startApple } from './apple.ts';
import { push } from './documents.ts';
import { pushables, startPushServer } from './push-server.ts';
import { struckClock } from './struck-clock.ts';

async function started(milliseconds: number) {
  const clock = struckClock(milliseconds);
  const apple = await startApple();
  const server = await startPushServer(apple, { clock });
  onTestFinished(async () => {
    await server.stop();
    await apple.close();
  });
  return { clock, apple, server };
}

it('a claim lasts for as long as its push is under way, and nobody else pushes', async () => {
  const { clock, apple, server } = await started(20_000);
  await server.certify();
  const [device] = await pushables(server.store, ['SLOW']);
  if (device === undefined) throw new Error('no device');
  const { opened, open } = gate();
  const arrived = gate();
  apple.rules.push(() => {
    arrived.open();
    return { do: 'accept', after: opened };
  });
  await server.ask(push, {
    input: { targets: { ids: ['SLOW'] }, channels: 'DEVICE', validateOnly: false },
  });
  await arrived.opened;
  await server.sql("update push_state set retry_at = now() + interval '10 seconds'");
  const isKept = async () =>
    (await server.sql("select 1 from push_state where retry_at > now() + interval '40 seconds'"))
      .length === 1;
  expect(await isKept()).toBe(false);
  while (!(await isKept())) clock.strike();
  open();
  await apple.pushedTo(device);
  let standing = await server.standing('SLOW');
  while (standing.state === 'PENDING') standing = await server.standing('SLOW');
  expect(standing).toMatchObject({ state: 'ACCEPTED', retryAt: null });
  expect(apple.countOf(device)).toBe(1);
});

it('jobs that ended long ago are deleted with their errors, others are kept', async () => {
  const { clock, server } = await started(600_000);
  const [old, young, running] = [randomUUID(), randomUUID(), randomUUID()];
  await server.sql(
    `insert into job (id, kind, state, input, created_by, created_at, finished_at)
     select id, 'OTHER', 'SUCCEEDED', '{}', 'token:test', now() - interval '1 year', at
     from unnest($1::uuid[], $2::timestamptz[]) as j (id, at)`,
    [
      [old, young, running],
      [new Date(Date.now() - 100 * 86_400_000), new Date(Date.now() - 80 * 86_400_000), null],
    ],
  );
  await server.sql(
    "insert into job_error (job_id, code, message) select id, 'CODE', 'message' from job",
  );
  const left = async () => (await server.sql('select id from job')).map((row) => row['id']);
  while ((await left()).includes(old)) clock.strike();
  expect(new Set(await left())).toEqual(new Set([young, running]));
  const errors = await server.sql('select job_id from job_error');
  expect(new Set(errors.map((row) => row['job_id']))).toEqual(new Set([young, running]));
});
