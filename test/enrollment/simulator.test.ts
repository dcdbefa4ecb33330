import { builtProgram } from '../harness/built-package.ts';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invitation, issued } from './documents.ts';
import { type EnrollServer, startEnrollServer } from './enroll-server.ts';

const run = promisify(execFile);
let server: EnrollServer;

beforeAll(async () => {
  server = await startEnrollServer();
});
afterAll(() => server.stop());

let first = 80_000;

/** Runs the simulator as from a shell. */
async function simulate(url: URL, ...more: readonly string[]) {
  first += 100;
  const { stdout, stderr } = await run(process.execPath, [
    ...[builtProgram('clients/simulator/main.js'), '--enroll', url.href],
    ...['--first', `${first}`, '--once', '--json', ...more],
  ]);
  const { answers } = JSON.parse(stdout);
  return { answers, progress: stderr };
}

describe('the simulator', () => {
  it.each([
    ['authenticate', 4],
    ['token-update', 3],
    ['silent', 2],
    ['fails', 3],
  ] as const)('enrols devices by an invitation and renews them (%s)', async (shape, checkIns) => {
    const invited = await server.invite({ useLimit: 3 });
    const { answers, progress } = await simulate(invited.url, '--devices', '3', '--renew', shape);
    expect(answers).toEqual({ 'check-in 200': 3 * checkIns, 'report 200': 3 });
    expect(progress).toContain('3 of 3 devices have their certificates');
    expect(progress).toContain('3 of 3 devices renewed');
    const { enrollmentInvitation } = await server.ask(invitation, { id: invited.id });
    expect(enrollmentInvitation).toMatchObject({ state: 'USED_UP', useCount: 3 });
    const { issuedCertificates } = await server.ask(issued, {
      filter: { invitationId: invited.id },
    });
    const ids = issuedCertificates.edges.map(({ node }) => node.enrollment?.enrollmentId);
    expect(new Set(ids).size).toBe(3);
  });

  it('says what is wrong with the address that it is given, without the secret in it', async () => {
    const { url } = await server.invite();
    const wrong = new URL(`${url.href}x`);
    const failed = await simulate(wrong).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('answered 404') });
    expect(failed).toMatchObject({ stderr: expect.not.stringContaining(url.pathname.slice(8)) });
  });
});
