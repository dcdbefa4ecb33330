import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../harness/root.ts';
import { type Program, findProgram, freePort, startProgram } from './program.ts';
import type { ServerTls } from './server-tls.ts';

/** A proxy that runs, by a configuration of `deploy/`. */
export interface Proxy {
  /** Its base, with the name that its certificate has. */
  readonly url: string;
  readonly port: number;
  /** The port for plain HTTP that the configuration knows, or null when it knows none. */
  readonly plainPort: number | null;
  stop(): Promise<void>;
}

export interface ProxyKind {
  readonly name: string;
  readonly program: string | null;
  /** The header in which it names the client's certificate. */
  readonly certHeader: string;
  start(upstreamPort: number, tls: ServerTls): Promise<Proxy>;
}

export const nginx: ProxyKind = {
  name: 'nginx with deploy/nginx/graphmdm.conf',
  program: findProgram('nginx'),
  certHeader: 'X-Client-Cert',
  start: (upstreamPort, tls) =>
    inFolder(async (folder) => {
      const port = await freePort();
      const site = replaceAll(readFileSync(join(root, 'deploy/nginx/graphmdm.conf'), 'utf8'), {
        '127.0.0.1:9000;': `127.0.0.1:${upstreamPort};`,
        '    listen [::]:443 ssl http2;\n': '',
        'listen 443 ssl': `listen ${port} ssl`,
        'server_name mdm.example.com;': 'server_name localhost;',
        '/etc/letsencrypt/live/mdm.example.com/fullchain.pem': tls.certificate,
        '/etc/letsencrypt/live/mdm.example.com/privkey.pem': tls.key,
      });
      writeFileSync(join(folder, 'graphmdm.conf'), site);
      writeFileSync(join(folder, 'nginx.conf'), nginxAround(folder));
      const words = ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')];
      const program = await startProgram([programOf(nginx), ...words], {}, 'start worker process');
      return { program, port, plainPort: null };
    }),
};

export const caddy: ProxyKind = {
  name: 'Caddy with deploy/caddy/Caddyfile',
  program: findProgram('caddy'),
  certHeader: 'Client-Cert',
  start: (upstreamPort, tls) =>
    inFolder(async (folder) => {
      const [port, plainPort] = [await freePort(), await freePort()];
      const environment = {
        GRAPHMDM_HOST: `https://localhost:${port}`,
        GRAPHMDM_UPSTREAMS: `127.0.0.1:${upstreamPort}`,
        GRAPHMDM_TLS: `${tls.certificate} ${tls.key}`,
        GRAPHMDM_HTTP_PORT: String(plainPort),
        CADDY_ADMIN: 'off',
        HOME: folder,
        XDG_CONFIG_HOME: folder,
        XDG_DATA_HOME: folder,
      };
      const words = ['run', '--config', join(root, 'deploy/caddy/Caddyfile')];
      const command = [programOf(caddy), ...words, '--adapter', 'caddyfile'] as const;
      const program = await startProgram(command, environment, 'serving initial configuration');
      return { program, port, plainPort };
    }),
};

function programOf({ program, name }: ProxyKind): string {
  if (program === null) throw new Error(`there is no program for ${name}`);
  return program;
}

async function inFolder(
  start: (folder: string) => Promise<{
    readonly program: Program;
    readonly port: number;
    readonly plainPort: number | null;
  }>,
): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-proxy-'));
  // Started by root, nginx works as another user, who has to pass through.
  chmodSync(folder, 0o711);
  const { program, port, plainPort } = await retried(() => start(folder));
  return {
    url: `https://localhost:${port}`,
    port,
    plainPort,
    async stop() {
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Between finding a free port and taking it somebody else can come: then another one is tried. */
async function retried<T>(start: () => Promise<T>, times = 3): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (times > 1 && /address already in use/i.test(String(error)))
      return retried(start, times - 1);
    throw error;
  }
}

/** What stands around a site's file, with every path in this folder. */
function nginxAround(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  mkdirSync(join(folder, 'temp'), { mode: 0o711, recursive: true });
  return [
    'daemon off;',
    'worker_processes 1;',
    `pid ${folder}/nginx.pid;`,
    'error_log stderr notice;',
    'events {}',
    'http {',
    'access_log off;',
    'gzip on;',
    ...kinds.map((kind) => `${kind}_temp_path ${folder}/temp/${kind};`),
    `include ${folder}/graphmdm.conf;`,
    '}',
    '',
  ].join('\n');
}

/** Puts an operator's values in. @throws {Error} one is not there exactly once */
function replaceAll(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((changed, [from, to]) => {
    const parts = changed.split(from);
    if (parts.length !== 2) throw new Error(`“${from}” stands there ${parts.length - 1} times`);
    return parts.join(to);
  }, text);
}
