import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aCommand } from '../build/commands.ts';
import { apiKey, type NanomdmServer, startNanomdmServer } from '../nanomdm-api/nanomdm-server.ts';
import { readPage } from './page.ts';

const folder = mkdtempSync(join(tmpdir(), 'graphmdm-nanomdm-api-'));
let server: NanomdmServer;

beforeAll(async () => {
  server = await startNanomdmServer();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('docs/nanomdm-api.md shows a line that queues a command and pushes', async () => {
  const device = await server.device(1);
  await device.enrol();
  const lines = readPage('nanomdm-api.md').blocks('sh');
  expect(lines).toHaveLength(1);
  const plist = aCommand('by-curl');
  // In the place of NanoMDM's script, which writes a command to stdout.
  writeFileSync(join(folder, 'command'), plist);
  writeFileSync(join(folder, 'cmdr.py'), `#!/bin/sh\nexec cat '${join(folder, 'command')}'\n`);
  chmodSync(join(folder, 'cmdr.py'), 0o755);
  const line = (lines[0] ?? '').replace('https://mdm.example.com', server.url);
  const { stdout } = await promisify(execFile)('sh', ['-c', line], {
    env: {
      ...process.env,
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      KEY: apiKey,
      UDID: device.enrollmentId,
    },
  });
  expect(JSON.parse(stdout)).toMatchObject({
    command_uuid: 'by-curl',
    request_type: 'ProfileList',
    status: { [device.enrollmentId]: { push_result: expect.any(String) } },
  });
  expect((await device.channel.poll())?.raw.toString()).toBe(plist);
});
