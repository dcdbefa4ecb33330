import { createClient } from '../sdk/client.ts';
import { removeConfig, writeConfig } from './config-file.ts';
import { command } from './command.ts';
import { exit } from './exit.ts';
import { usage } from './failure.ts';
import type { Io } from './io.ts';
import { checkedUrl } from './server.ts';

export const login = command({
  words: ['login'],
  what: 'keeps a server and its token, which is read from stdin',
  more: 'The token is tried, and kept in $XDG_CONFIG_HOME/graphmdm/config.json, for you alone (mode 0600).',
  flags: {},
  examples: [
    'graphmdm login --url https://mdm.example.com < token-file',
    'graphmdm login --url https://mdm.example.com',
  ],
  async run({ io, out, url }) {
    const server = checkedUrl(url ?? io.env['GRAPHMDM_URL']);
    const token = await tokenFrom(io);
    const client = createClient({ url: server, token, retry: { attempts: 2 } });
    try {
      await client.query('query { __typename }');
    } finally {
      client.close();
    }
    await out.note(`Kept in ${writeConfig(io.env, { url: server, token })}.`);
    return exit.ok;
  },
});

async function tokenFrom({ stdin }: Io): Promise<string> {
  const text = stdin.isTerminal
    ? await stdin.line('Token: ', { hidden: true })
    : (await stdin.bytes()).toString('utf8');
  const token = text?.trim() ?? '';
  if (!/^[\x21-\x7E]+$/.test(token)) {
    throw usage(
      'There is no token on stdin.',
      'Type it, or pipe it: `graphmdm login < token-file`.',
    );
  }
  return token;
}

export const logout = command({
  words: ['logout'],
  what: 'forgets what `login` kept',
  more: 'The token stays valid: `graphmdm tokens revoke` ends it.',
  flags: {},
  examples: ['graphmdm logout'],
  async run({ io, out }) {
    const path = removeConfig(io.env);
    await out.note(path === null ? 'Nothing was kept.' : `${path} is gone.`);
    return exit.ok;
  },
});
