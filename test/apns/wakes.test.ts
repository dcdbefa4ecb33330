import { expect, it } from 'vitest';
import { wakeOnPush } from '../../clients/simulator/apns/wakes.ts';
import { pushService, topic } from './push-service.ts';
import { gate } from './waits.ts';

function sleeper(name: string) {
  return { name, pushToken: Buffer.alloc(32, name), pushMagic: `magic of ${name}` };
}

function pushTo(one: ReturnType<typeof sleeper>) {
  return { topic, token: one.pushToken, pushMagic: one.pushMagic };
}

it('a push wakes the device that has the token and the magic, and no other', async () => {
  const [a, b] = [sleeper('a'), sleeper('b')];
  const woken: string[] = [];
  const heard = wakeOnPush(
    () => [a, b],
    async ({ name }) => void woken.push(name),
    () => {},
  );
  const { apns } = await pushService({ standIn: { heard } });
  await apns.push(pushTo(b));
  await apns.push({ ...pushTo(a), pushMagic: 'other' });
  await apns.push(pushTo(sleeper('c')));
  expect(woken).toEqual(['b']);
  a.pushToken = Buffer.alloc(32, 'new');
  await apns.push(pushTo(a));
  expect(woken).toEqual(['b', 'a']);
});

it('pushes to a device that is busy make it ask once more, and failures do not stop it', async () => {
  const a = sleeper('a');
  const gates = [gate(), gate(), gate()];
  const failures: unknown[] = [];
  let calls = 0;
  const connected = gate();
  const heard = wakeOnPush(
    () => [a],
    async () => {
      const call = calls;
      calls += 1;
      if (call === 1) connected.open();
      await gates[call]?.opened;
      if (call === 0) throw new Error('the server is away');
    },
    (_one, error) => failures.push(error),
  );
  const { apns } = await pushService({ standIn: { heard } });
  for (let i = 0; i < 3; i += 1) await apns.push(pushTo(a));
  expect(calls).toBe(1);
  gates[0]?.open();
  await connected.opened;
  expect(failures).toHaveLength(1);
  gates[1]?.open();
  await new Promise(setImmediate);
  expect(calls).toBe(2);
});
