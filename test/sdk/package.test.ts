import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layOutSdk } from '../../scripts/package-sdk.ts';
import { root } from '../harness/root.ts';

let scratch: string;
let folder: string;
/** A project that has the packed package installed. */
let project: string;
let tarball: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'graphmdm-sdk-'));
  folder = join(scratch, 'package');
  layOutSdk(folder);
  const packed = run('npm', ['pack', '--json', '--pack-destination', scratch, folder]);
  expect(packed.stderr).not.toContain('npm error');
  tarball = join(scratch, readdirSync(scratch).find((name) => name.endsWith('.tgz')) ?? '');

  project = join(scratch, 'project');
  const installed = join(project, 'node_modules', '@graphmdm', 'sdk');
  mkdirSync(installed, { recursive: true });
  expect(run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])).toMatchObject({
    status: 0,
  });
  for (const name of ['graphql-ws', 'graphql', '@urql', 'wonka', '@0no-co', 'ws', '@types']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function run(command: string, words: readonly string[], cwd = scratch) {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A package's program as a file. */
function program(packageName: string, name: string): string {
  const require = createRequire(import.meta.url);
  const manifest = join(root, 'node_modules', packageName, 'package.json');
  return join(dirname(manifest), require(manifest).bin[name]);
}

describe('the package @graphmdm/sdk', () => {
  it('is as publint wants it', async () => {
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([]);
  });

  it('has types that resolve wherever ES modules do', () => {
    const attw = program('@arethetypeswrong/cli', 'attw');
    const outcome = run(process.execPath, [
      ...[attw, tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'],
      ...['--exclude-entrypoints', 'schema.graphql'],
    ]);
    expect(outcome.status, outcome.stdout + outcome.stderr).toBe(0);
  });

  it('is typed for its users, who may check libraries too, with Node or in a browser', () => {
    writeFileSync(
      join(project, 'use.ts'),
      `import { createClient, isError, type Client } from '@graphmdm/sdk';
       import { createLive } from '@graphmdm/sdk/live';
       import { liveExchange } from '@graphmdm/sdk/urql';
       const mdm: Client = createClient({ url: 'http://localhost:9000', token: 'x', transport: 'sse' });
       export async function use(): Promise<string[]> {
         const sent = await mdm.enqueue({ targets: { all: true }, plist: '' });
         if (isError(sent)) return [sent.code];
         const statuses: string[] = [];
         for await (const result of sent.results({ untilDone: true })) {
           if (result.__typename === 'CommandAnsweredEvent') statuses.push(result.status ?? '');
         }
         return statuses;
       }
       liveExchange(createLive({ url: 'http://localhost:9000', token: async () => 'x', transport: 'sse' }));`,
    );
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    for (const types of [
      ['--lib', 'es2023', '--types', 'node', '--skipLibCheck'],
      ['--lib', 'es2023,dom,dom.iterable,dom.asynciterable', '--types', ''],
    ]) {
      const outcome = run(
        process.execPath,
        [tsc, '--noEmit', '--strict', '--module', 'nodenext', ...types, 'use.ts'],
        project,
      );
      expect(outcome.stdout).toBe('');
    }
  });

  it('runs on plain Node, where it needs no WebSocket', () => {
    const outcome = run(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { createClient } from '@graphmdm/sdk';
         import '@graphmdm/sdk/live';
         import '@graphmdm/sdk/urql';
         const mdm = createClient({ url: 'http://localhost:9', token: 'x', retry: { attempts: 1 } });
         await mdm.eventCursor().catch((error) => console.log(error.name));`,
      ],
      project,
    );
    expect(outcome).toEqual({ status: 0, stdout: 'TransportError\n', stderr: '' });
  });

  it('bundles for a browser, with nothing of Node in it', async () => {
    for (const entry of ['index', 'live', 'urql']) {
      const { metafile, outputFiles } = await build({
        entryPoints: [join(project, 'node_modules', '@graphmdm', 'sdk', 'dist', `${entry}.js`)],
        bundle: true,
        format: 'esm',
        platform: 'browser',
        write: false,
        metafile: true,
        minify: true,
        logLevel: 'silent',
      });
      const imports = Object.values(metafile.inputs).flatMap((input) =>
        input.imports.map(({ path }) => path),
      );
      const ofNode = imports.filter(
        (path) => path.startsWith('node:') || builtinModules.includes(path),
      );
      expect(ofNode).toEqual([]);
      // All of it, with graphql-ws: no dashboard should notice.
      if (entry === 'index') expect(outputFiles[0]?.text.length).toBeLessThan(40_000);
    }
  });
});
