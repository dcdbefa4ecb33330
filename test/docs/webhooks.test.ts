import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { usage } from '../../clients/webhook/options.ts';
import { allTopics } from '../../clients/webhook/payload.ts';
import { scratchFolder, startProcess } from '../harness/process.ts';
import { builtProgram } from '../harness/built-package.ts';
import { root } from '../harness/root.ts';
import { adminToken, startServer } from '../harness/server.ts';
import { startReceiver } from '../webhook/receiver.ts';

const page = readFileSync(join(root, 'docs', 'webhooks.md'), 'utf8');

it('the command in docs/webhooks.md runs as it stands', async () => {
  const server = await startServer();
  const receiver = await startReceiver();
  const folder = scratchFolder();
  const [, example = ''] = /```sh\n([\s\S]*?)```/.exec(page) ?? [];
  const script = example
    .replace('https://mdm.example.com', server.url)
    .replace('http://localhost:9003/webhook', receiver.url.href)
    .replace(
      'node dist/clients/webhook/main.js',
      `exec ${process.execPath} ${builtProgram('clients/webhook/main.js')}`,
    );
  const bridge = startProcess(['-c', script], {
    command: ['/bin/sh'],
    cwd: folder,
    env: { TOKEN: adminToken, HMAC_KEY: 'key' },
  });
  try {
    await expect
      .poll(() => bridge.log.some(({ message }) => message === 'following'), { timeout: 20_000 })
      .toBe(true);
    await (await server.device(1)).enrol();
    await receiver.until((all) => all.length === 2);
    expect(receiver.received[0]?.signature).toMatch(/^[\w+/]+=*$/);
    expect((await bridge.stop()).status).toBe(0);
  } finally {
    await receiver.close();
    await server.stop();
  }
});

it('docs/webhooks.md names every topic, and options that there are', () => {
  for (const topic of allTopics) expect(page).toContain(`\`${topic}\``);
  const flags = [...page.matchAll(/`--([a-z-]+)/g)].map(([, flag = '']) => flag);
  const known = (flag: string) =>
    usage.includes(`--${flag}`) || ['idle-events', 'event-retention'].includes(flag);
  expect(flags.filter((flag) => !known(flag))).toEqual([]);
});
