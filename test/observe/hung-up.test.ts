import { expect, it } from 'vitest';
import { createApp } from '../../server/http/app.ts';
import { createLog } from '../../server/observe/log.ts';

it.each([
  ['EPIPE', 'debug'],
  ['ECONNRESET', 'debug'],
  ['ERR_STREAM_PREMATURE_CLOSE', 'debug'],
  ['EOTHER', 'error'],
])('a request that ended with %s is logged as %s', (code, level) => {
  const lines: { readonly level: unknown }[] = [];
  const log = createLog('debug', { write: (line) => lines.push(JSON.parse(line)) });
  createApp(new Map(), log).emit('error', Object.assign(new Error('write'), { code }));
  expect(lines.map((line) => line.level)).toEqual([level]);
});
