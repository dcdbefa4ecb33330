import { describe, expect, it } from 'vitest';
import { withTraceId } from '../../server/model/trace.ts';
import { createLog, type LogLevel } from '../../server/observe/log.ts';

function collect(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const log = createLog(level, { write: (line: string) => void lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') };
}

describe('the log', () => {
  it('writes a JSON object a line, with level, time and fields', () => {
    const { log, lines, last } = collect();
    log.info({ enrollment: 'A', count: 2 }, 'enrolled');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      enrollment: 'A',
      count: 2,
      msg: 'enrolled',
    });
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = collect('warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['c', 'd']);
  });

  it('carries the trace id of the request, also in a child and across awaits', async () => {
    const { log, last } = collect();
    await withTraceId('abc', async () => {
      await Promise.resolve();
      log.child({ room: 'mdm' }).info({}, 'x');
    });
    expect(last()).toMatchObject({ traceId: 'abc', room: 'mdm' });
    log.info({}, 'outside');
    expect(last()).not.toHaveProperty('traceId');
  });

  it('writes no field that is named like a secret, whatever room forgets it', () => {
    const { log, lines } = collect();
    log.info(
      { token: 'hunter2', request: { authorization: 'hunter2', unlockToken: 'hunter2' } },
      'x',
    );
    log.child({ pushMagic: 'hunter2' }).error({ settings: { secretKey: 'hunter2' } }, 'x');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('[redacted]');
  });

  it('writes of an error its kind, message, code and causes, and nothing else it carries', () => {
    const { log, lines, last } = collect();
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (token)=(hunter2) already exists.',
    });
    log.error({ err: new TypeError('failed', { cause }) }, 'x');
    expect(last().err).toMatchObject({
      type: 'TypeError',
      message: 'failed',
      cause: { code: '23505', message: 'duplicate key' },
    });
    log.error({ err: new Error('connect to postgres://user:hunter2@db/mdm failed') }, 'x');
    expect(last().err.message).toBe('connect to postgres://db/mdm failed');
    expect(lines.join('')).not.toContain('hunter2');
  });
});
