import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../clients/simulator/device.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { graphmdm } from './cli.ts';

let server: TestServer;
const devices: Device[] = [];

beforeAll(async () => {
  server = await startServer();
  for (let number = 1; number <= 3; number += 1) {
    const device = await server.device(number);
    await device.enrol();
    devices.push(device);
  }
  devices.sort((a, b) => (a.enrollmentId < b.enrollmentId ? -1 : 1));
});
afterAll(() => server.stop());

const ids = () => devices.map(({ enrollmentId }) => enrollmentId);
const serial = (n: number) => devices[n]?.facts.serialNumber ?? '';

describe('graphmdm enrollments list', () => {
  it('is lines with tabs and no headings where no terminal is', async () => {
    const { status, stdout, stderr } = await graphmdm(server, ['enrollments', 'list']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split('\t')[0])).toEqual(ids());
    expect(lines[0]?.split('\t')).toHaveLength(7);
  });

  it('is a table on a terminal, bold unless NO_COLOR is set', async () => {
    const plain = await graphmdm(server, ['enrollments', 'list'], {
      terminal: true,
      env: { NO_COLOR: '1' },
    });
    const [heading = '', first = ''] = plain.stdout.split('\n');
    expect(heading).toMatch(/^ID +SERIAL +NAME/);
    expect(heading.indexOf('SERIAL')).toBe(first.indexOf(serial(0)));
    const bold = await graphmdm(server, ['enrollments', 'list'], { terminal: true });
    expect(bold.stdout).toContain('\u001B[1mID');
  });

  it('prints exactly the fields that were asked for, as one JSON array', async () => {
    const argv = ['enrollments', 'list', '--json', 'enrollmentId,serialNumber'];
    const { stdout } = await graphmdm(server, argv);
    expect(JSON.parse(stdout)).toEqual(
      devices.map(({ enrollmentId, facts }) => ({
        enrollmentId,
        serialNumber: facts.serialNumber,
      })),
    );
    const none = [...argv, '--disabled'];
    expect(JSON.parse((await graphmdm(server, none)).stdout)).toEqual([]);
  });

  it('lists the fields for --json alone, and when one is unknown', async () => {
    const alone = await graphmdm(server, ['enrollments', 'list', '--json']);
    expect(alone).toMatchObject({ status: 0 });
    expect(alone.stdout.split('\n')).toContain('serialNumber');
    const wrong = await graphmdm(server, ['enrollments', 'list', '--json', 'serial']);
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/no field serial.*\nThere are: enrollmentId, .*serialNumber/);
  });

  it('takes filters as flags and as JSON, and both together', async () => {
    const found = async (...words: string[]) => {
      const { stdout, stderr } = await graphmdm(server, ['enrollments', 'list', ...words]);
      expect(stderr).toBe('');
      return stdout.split('\n').filter(Boolean).length;
    };
    expect(await found('--serial', `${serial(0)},${serial(1)}`)).toBe(2);
    expect(await found('--limit', '1')).toBe(1);
    expect(await found('--filter', '{"not":{"enabled":true}}')).toBe(0);
    const not = JSON.stringify({ not: { serialNumbers: [serial(0)] } });
    expect(await found('--filter', not, '--serial', serial(0), '--serial', serial(1))).toBe(1);
  });

  it('answers a wrong filter with what is wrong, by the server or before it is asked', async () => {
    const wrong = await graphmdm(server, ['enrollments', 'list', '--filter', '{"serial":"X"}']);
    expect(wrong).toMatchObject({ status: 1, stdout: '' });
    expect(wrong.stderr).toContain('serial');
    const none = await graphmdm(server, ['enrollments', 'list', '--filter', '[]']);
    expect(none).toMatchObject({ status: 2 });
  });
});

describe('graphmdm enrollments show', () => {
  it('finds a device by its id and by its serial number', async () => {
    for (const name of [ids()[0] ?? '', serial(0)]) {
      const argv = ['enrollments', 'show', name, '--json', 'enrollmentId'];
      const { stdout } = await graphmdm(server, argv);
      expect(JSON.parse(stdout)).toEqual({ enrollmentId: ids()[0] });
    }
    const { stdout } = await graphmdm(server, ['enrollments', 'show', serial(1)]);
    expect(stdout).toContain(`serialNumber\t${serial(1)}\n`);
  });

  it('says so when there is none', async () => {
    const { status, stderr } = await graphmdm(server, ['enrollments', 'show', 'nobody']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error NOT_FOUND: .*nobody/);
    expect(stderr).toContain('graphmdm enrollments list');
  });
});
