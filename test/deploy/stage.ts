import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Device } from '../../clients/simulator/device.ts';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import {
  type Authority,
  type Identity,
  certificatePem,
  issueIdentity,
  makeAuthority,
} from '../../clients/simulator/identity.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { type Outside, createOutside } from './outside.ts';
import type { Proxy, ProxyKind } from './proxies.ts';
import { type ServerTls, writeServerTls } from './server-tls.ts';

/** A server behind its proxy. */
export interface Behind {
  readonly server: TestServer;
  readonly proxy: Proxy;
}

/** Two servers behind proxies of one kind, and devices on the other side. */
export interface Stage {
  readonly kind: ProxyKind;
  /** What the proxies show. */
  readonly tls: ServerTls;
  readonly outside: Outside;
  /** Believes the proxy's header, and nothing else. */
  readonly byHeader: Behind;
  /** Believes signatures, as a server does without `--cert-header`. */
  readonly bySignature: Behind;
  /** An authority two below the trusted one, with the certificates between, lowest first. */
  readonly branch: { readonly authority: Authority; readonly chain: readonly Buffer[] };
  newIdentity(more?: {
    readonly issuer?: Authority;
    readonly intermediates?: readonly Buffer[];
  }): Promise<Identity>;
  /** A new device, which shows `shown` in TLS and signs with its own identity. */
  newDevice(at: Behind, own: Identity, shown: Identity | null): Device;
  /** A device that has enrolled by its certificate in TLS. */
  enrolled(): Promise<{ readonly device: Device; readonly own: Identity }>;
  stop(): Promise<void>;
}

export async function startStage(kind: ProxyKind): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-deploy-'));
  const authority = await makeAuthority();
  const middle = await makeAuthority({ commonName: 'middle', issuer: authority });
  const lower = await makeAuthority({ commonName: 'lower', issuer: middle });
  const chain = [lower.certificate, middle.certificate];
  const between = join(folder, 'between.pem');
  writeFileSync(between, chain.map(certificatePem).join(''));

  const tls = writeServerTls(authority, folder);
  const outside = createOutside(authority);
  const behind = async (...flags: readonly string[]): Promise<Behind> => {
    const server = await startServer({ authority, flags: ['--intermediate', between, ...flags] });
    return { server, proxy: await kind.start(server.port, tls) };
  };
  const byHeader = await behind('--cert-header', kind.certHeader);
  const bySignature = await behind();

  let devices = 0;
  const newIdentity: Stage['newIdentity'] = ({ issuer = authority, ...more } = {}) =>
    issueIdentity(issuer, { commonName: `device ${devices}`, ...more });
  const newDevice: Stage['newDevice'] = ({ proxy }, own, shown) => {
    const { send, close } = outside.sender(shown);
    onTestFinished(close);
    const serverUrl = new URL(`${proxy.url}/mdm`);
    const proof = { by: 'signature', style: 'apple' } as const;
    const facts = deviceFacts((devices += 1));
    return new Device({ facts, identity: own, address: { serverUrl, proof, send } });
  };
  return {
    kind,
    tls,
    outside,
    byHeader,
    bySignature,
    branch: { authority: lower, chain },
    newIdentity,
    newDevice,
    async enrolled() {
      const own = await newIdentity();
      const device = newDevice(byHeader, own, own);
      await device.enrol();
      return { device, own };
    },
    async stop() {
      for (const { server, proxy } of [byHeader, bySignature]) {
        await proxy.stop();
        await server.stop();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A poll of the device. */
export function idle({ facts }: Device): Buffer {
  return buildPlist({ UDID: facts.udid, Status: 'Idle' });
}
