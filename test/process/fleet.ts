import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerAddress } from '../../clients/simulator/deliver.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { createFleet } from '../../clients/simulator/fleet.ts';
import { createSender, type Post, type Send } from '../../clients/simulator/http.ts';
import { certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';

/** Devices whose server moves to another port at each start, as only a test's does. */
export interface MovingFleet {
  readonly devices: readonly Device[];
  /** PEM file of their authority, for `--ca`. */
  readonly ca: string;
  /** Where the server is from now on. */
  moveTo(port: number): void;
  close(): void;
}

/**
 * Makes devices with certificates of an authority of their own.
 * @param folder  where the authority's certificate is put
 * @param through  sees every message, and sends it by what it is given
 */
export async function movingFleet(
  size: number,
  folder: string,
  through: (post: Post, send: Send) => ReturnType<Send> = (post, send) => send(post),
): Promise<MovingFleet> {
  const authority = await makeAuthority({ key: 'ec' });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const sender = createSender();
  let base = 'http://127.0.0.1:1';
  const address: ServerAddress = {
    serverUrl: new URL('/mdm', base),
    proof: { by: 'signature', style: 'apple' },
    send: (post) => through({ ...post, url: new URL(post.url.pathname, base) }, sender.send),
  };
  const { devices } = await createFleet({ size, authority, address });
  return {
    devices,
    ca,
    moveTo(port) {
      base = `http://127.0.0.1:${port}`;
    },
    close: () => sender.close(),
  };
}
