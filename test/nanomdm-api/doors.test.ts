import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../harness/server.ts';
import { basic, type NanomdmServer, startNanomdmServer } from './nanomdm-server.ts';

describe('the NanoMDM-compatible API', () => {
  let server: NanomdmServer;

  beforeAll(async () => {
    server = await startNanomdmServer();
  });
  afterAll(() => server.stop());

  it('asks for the user nanomdm and the key, on its own routes only', async () => {
    const wrong = [
      null,
      basic('nanomdm', 'other'),
      basic('admin', 'nanomdm:with:colons'),
      basic('nanomdm', ''),
      'Basic !!',
      'Bearer test-admin-token-with-every-scope',
    ];
    for (const authorization of wrong) {
      for (const path of ['/v1/push/x', '/v1/enqueue/x', '/v1/enqueue']) {
        const answer = await server.call(path, { authorization });
        expect(answer).toMatchObject({ status: 401, text: 'Unauthorized\n' });
        expect(answer.headers.get('www-authenticate')).toBe('Basic realm="nanomdm"');
      }
    }
    for (const path of ['/v1/', '/v1/other', '/v1/pushes/x']) {
      expect(await server.call(path, { authorization: null })).toMatchObject({
        status: 404,
        text: '404 page not found\n',
      });
    }
    const device = await fetch(server.deviceUrl, {
      method: 'PUT',
      headers: { Authorization: basic('nanomdm', 'other') },
    });
    expect(device.status).toBe(400);
  });

  it('tells its version to everybody', async () => {
    const answer = await server.call('/version', { authorization: null, method: 'GET' });
    expect(answer).toMatchObject({ status: 200, text: '{"version":"0.1.0"}' });
  });

  it('has long URLs to itself: other paths refuse them', async () => {
    const long = 'x'.repeat(100_000);
    expect((await server.call(`/mdm?${long}`)).status).toBe(431);
    expect((await server.call(`/v1/push/${long}`)).status).toBe(500);
    await expect(server.call(`/v1/push/${'x'.repeat(1_300_000)}`)).resolves.toMatchObject({
      status: 431,
    });
  });

  it('is off unless it is asked for, and asks for a key', async () => {
    const closed = await startServer();
    try {
      for (const path of ['/v1/push/x', '/v1/enqueue/x', '/v1/pushcert', '/version']) {
        const { status } = await fetch(`${closed.url}${path}`);
        expect(status).toBe(404);
      }
      expect((await fetch(`${closed.url}/v1/push/${'x'.repeat(100_000)}`)).status).toBe(431);
    } finally {
      await closed.stop();
    }
    await expect(startServer({ flags: ['--nanomdm-api'] })).rejects.toThrow('--nanomdm-api-key');
  });
});
