import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Authority, certificatePem, makeAuthority } from '../../clients/simulator/identity.ts';
import { freePort, startProgram } from './contenders/process.ts';
import { type BenchDatabase, makeBenchDatabase } from './database.ts';

const token = 'token-of-the-benchmark';

/** This server as it was built last, on a database of its own, to be asked by its graph. */
export interface BenchGraph {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly token: string;
  readonly database: BenchDatabase;
  /** Whose devices it takes. */
  readonly authority: Authority;
  ask<T>(query: string, variables: object, shape: z.ZodType<T>): Promise<T>;
  stop(): Promise<void>;
}

/**
 * @param flags further ones for the server
 * @param template the database that its own is a copy of
 */
export async function startBenchGraph(
  name: string,
  flags: readonly string[] = [],
  template?: string,
): Promise<BenchGraph> {
  const folder = mkdtempSync(join(tmpdir(), 'graphmdm-bench-'));
  chmodSync(folder, 0o711);
  const authority = await makeAuthority({ key: 'rsa' });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificatePem(authority.certificate));
  const database = await makeBenchDatabase(name, template);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const main = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url));
  const clear = async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  };
  const program = await startProgram(
    [
      process.execPath,
      ...(process.env['BENCH_NODE_FLAGS']?.split(' ') ?? []),
      main,
      ...['--listen', `127.0.0.1:${port}`, '--data-dir', folder, '--ca', ca],
      ...['--database-url', database.url, '--admin-token', token],
      ...['--secret-key', Buffer.alloc(32, 7).toString('base64')],
      ...flags,
      ...(process.env['BENCH_FLAGS']?.split(' ') ?? []),
    ],
    `${url}/readyz`,
    flags.includes('--workers') ? join(folder, 'log') : null,
  ).catch(async (error: unknown) => {
    await clear();
    throw error;
  });
  const answer = z.object({ data: z.unknown().optional(), errors: z.unknown().optional() });
  return {
    url,
    host: '127.0.0.1',
    port,
    pid: program.pid,
    token,
    database,
    authority,
    async ask(query, variables, shape) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = answer.parse(await response.json());
      if (errors !== undefined) throw new Error(JSON.stringify(errors));
      return shape.parse(data);
    },
    async stop() {
      await program.stop();
      await clear();
    },
  };
}

/** The value below which this part of the others lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
