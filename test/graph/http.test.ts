import { request } from 'node:http';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TypedDocumentString } from '../../generated/gql/graphql.ts';
import { askText } from './ask.ts';
import { limits } from '../../server/graphql/limits.ts';
import { type GraphServer, startGraph } from './graph-server.ts';
import { bySse } from './subscribe.ts';

let server: GraphServer;
let token: string;

beforeAll(async () => {
  server = await startGraph();
  ({ token } = await server.token());
});

afterAll(() => server.stop());

const post = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(server.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...headers },
    body,
  });

describe('a token', () => {
  it.each([
    ['none', ''],
    ['of another scheme', 'Basic Zm9vOmJhcg=='],
    ['unknown', 'Bearer gmdm_nobody-has-this-one'],
    ['endless', `Bearer ${'x'.repeat(5_000)}`],
  ])('that is %s gets 401 with a typed error', async (_name, authorization) => {
    const response = await post('{"query":"{ __typename }"}', { Authorization: authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toMatchObject({
      errors: [{ message: expect.any(String), extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it('that has expired or was revoked gets 401', async () => {
    const expired = await server.token({ expiresAt: new Date(Date.now() - 1000) });
    const revoked = await server.token();
    await server.pool.query('update api_token set revoked_at = now() where id = $1', [revoked.id]);
    for (const one of [expired, revoked]) {
      expect((await askText(server, one.token, '{ __typename }')).status).toBe(401);
    }
  });

  it('without the scope is told which, and no data', async () => {
    const narrow = await server.token({ scopes: ['events:read'] });
    const { status, errors, data } = await askText(
      server,
      narrow.token,
      '{ enrollment(udid: "x") { id } command(uuid: "x") { id } eventCursor }',
    );
    expect(status).toBe(200);
    expect(data).toEqual({ enrollment: null, command: null, eventCursor: expect.any(String) });
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining('enrollments:read'),
        path: ['enrollment'],
        extensions: { code: 'FORBIDDEN' },
      },
      {
        message: expect.stringContaining('commands:read'),
        path: ['command'],
        extensions: { code: 'FORBIDDEN' },
      },
    ]);
  });
});

describe('an operation', () => {
  it.each([
    ['with a syntax error', '{ enrollments( }', 'GRAPHQL_PARSE_FAILED'],
    ['with an unknown field', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['that is too deep', deep(25), 'TOO_DEEP'],
    ['with too many aliases', `{ ${many((n) => `a${n}: eventCursor`, 40)} }`, 'TOO_MANY_ALIASES'],
    [
      'with too many directives',
      `{ __typename ${many(() => '@include(if: true)', 40)} }`,
      'TOO_MANY_DIRECTIVES',
    ],
    ['that is too long', `{ ${many(() => '__typename', 3_000)} }`, 'TOO_MANY_TOKENS'],
    [
      'with a cycle of fragments',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])('%s is refused with a code and 400', async (_name, query, code) => {
    const { status, errors } = await askText(server, token, query);
    expect(errors?.[0]?.extensions['code']).toBe(code);
    expect(errors?.[0]?.message).not.toMatch(/^Syntax Error.*limit|At most 2000 are/);
    expect(status).toBe(400);
  });

  it('longer than the limit gets 413, told or chunked, and the server goes on', async () => {
    const large = JSON.stringify({ query: `{ __typename } # ${'x'.repeat(1024 * 1024)}` });
    const told = await post(large);
    expect(told.status).toBe(413);
    expect(await told.json()).toMatchObject({
      errors: [{ extensions: { code: 'BODY_TOO_LARGE' } }],
    });
    expect(await chunked(large)).toBe(413);
    expect((await askText(server, token, '{ __typename }')).status).toBe(200);
  });

  it('with variables of the wrong type is told so', async () => {
    const { data, errors } = await askText(
      server,
      token,
      'query ($first: Int) { enrollments(first: $first) { totalCount } }',
      { first: 'many' },
    );
    expect(data).toBeUndefined();
    expect(errors?.[0]).toMatchObject({
      message: expect.stringContaining('$first'),
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  it('with variables that nest without end is told so', async () => {
    const levels = 20_000;
    const filter = `${'{"not":'.repeat(levels)}{"enabled":true}${'}'.repeat(levels)}`;
    const query =
      'query ($filter: EnrollmentFilterInput) { enrollments(filter: $filter) { totalCount } }';
    const answer = await post(
      `{"query":${JSON.stringify(query)},"variables":{"filter":${filter}}}`,
    );
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      errors: [
        { message: expect.stringContaining('levels'), extensions: { code: 'BAD_USER_INPUT' } },
      ],
    });
  });

  it('with a global id that is none is told so', async () => {
    const { errors } = await askText(server, token, '{ node(id: "?") { id } }');
    expect(errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });

  it('that fails here shows nothing of why, but the trace id that the log has', async () => {
    await server.pool.query('alter table enrollment_seen rename to gone');
    await server.pool.query(`insert into enrollment (id, kind) values ('MASKED', 'DEVICE')`);
    const traceId = 'a'.repeat(32);
    const response = await post(
      JSON.stringify({ query: '{ enrollment(udid: "MASKED") { lastSeenAt } }' }),
      { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` },
    );
    await server.pool.query('alter table gone rename to enrollment_seen');
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({
      data: { enrollment: null },
      errors: [{ path: ['enrollment'], extensions: { code: 'INTERNAL_SERVER_ERROR', traceId } }],
    });
    expect(body).not.toContain('enrollment_seen');
    expect(server.errors.at(-1)).toMatchObject({ traceId, err: expect.any(Error) });
  });
});

describe('a request', () => {
  const operation = '{"query":"{ __typename }"}';
  const sent = (
    headers: Readonly<Record<string, string>>,
    body: string | Buffer<ArrayBuffer> = operation,
  ) =>
    fetch(server.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}`, ...headers },
      body,
    });
  const bySubscription = JSON.stringify({ query: 'subscription { events { __typename } }' });

  it.each([
    ['text', { 'Content-Type': 'text/plain' }, operation, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['nothing named', { 'Content-Type': '' }, operation, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'a form with files',
      { 'Content-Type': 'multipart/form-data; boundary=x' },
      '--x--',
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['packed', { 'Content-Encoding': 'gzip' }, operation, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['cut off', {}, '{"query":"', 400, 'BAD_REQUEST'],
    ['empty', {}, '', 400, 'BAD_REQUEST'],
    ['no object', {}, '5', 400, 'BAD_REQUEST'],
    ['null', {}, 'null', 400, 'BAD_REQUEST'],
    ['without an operation', {}, '{}', 400, 'BAD_REQUEST'],
    ['with variables that are none', {}, '{"query":"{a}","variables":[]}', 400, 'BAD_REQUEST'],
    ['for XML', { Accept: 'application/xml' }, operation, 406, 'NOT_ACCEPTABLE'],
    ['for events as JSON', { Accept: 'application/json' }, bySubscription, 406, 'NOT_ACCEPTABLE'],
  ] as const)('that is %s is told what to send', async (_name, headers, body, status, code) => {
    const response = await sent(headers, Buffer.from(body));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/);
    const answer = await response.json();
    expect(answer).toEqual({
      errors: [{ message: expect.stringMatching(/[.]$|param|object/), extensions: { code } }],
    });
  });

  it('names its media type in any case', async () => {
    const response = await sent({ 'Content-Type': 'Application/JSON; Charset=UTF-8' });
    expect(await response.json()).toMatchObject({ data: { __typename: 'Query' } });
  });

  it('by GET is a query, whose variables are JSON', async () => {
    const got = async (search: string, method = 'GET') => {
      const response = await fetch(`${server.url}?${search}`, {
        method,
        headers: { Authorization: `Bearer ${token}` },
      });
      const { data, errors } = await response.json();
      return { status: response.status, data, code: errors?.[0]?.extensions.code };
    };
    expect(await got('query={__typename}')).toMatchObject({ data: { __typename: 'Query' } });
    const named = 'query=query($n:Int){enrollments(first:$n){totalCount}}';
    expect((await got(`${named}&variables={"n":0}`)).data).toEqual({
      enrollments: { totalCount: expect.any(Number) },
    });
    expect(await got(`${named}&variables=x`)).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    const mutation = 'query=mutation{createTenant(input:{name:"x"}){__typename}}';
    expect(await got(mutation)).toMatchObject({ status: 405, code: 'BAD_REQUEST' });
    expect(await got('query={__typename}', 'PUT')).toMatchObject({ status: 405 });
  });

  it('for a subscription as JSON, however often, takes no place from those that are open', async () => {
    const { token: own } = await server.token();
    const before = limits.subscriptions;
    Object.assign(limits, { subscriptions: 1 });
    try {
      for (let time = 0; time < 3; time += 1) {
        const headers = { Accept: 'application/json', Authorization: `Bearer ${own}` };
        expect((await sent(headers, bySubscription)).status).toBe(406);
      }
      const open = await bySse(
        server,
        own,
        new TypedDocumentString('subscription { events { __typename } }'),
      );
      expect((await open.next()).value).toEqual({ data: { events: { __typename: 'Checkpoint' } } });
      await open.close();
    } finally {
      Object.assign(limits, { subscriptions: before });
    }
  });

  it.each([
    ['{ a: enrollments(first: -1) { totalCount } }', 'PAGE_SIZE', ['a']],
    ['{ a: enrollment { id } }', 'ONE_NAME', ['a']],
    ['{ a: node(id: "Tm90aGluZzox") { id } }', 'BAD_USER_INPUT', ['a']],
  ])('says of which field an error is: %s', async (query, code, path) => {
    const { errors } = await askText(server, token, query);
    expect(errors).toMatchObject([{ path, locations: [{ line: 1 }], extensions: { code } }]);
  });

  it('with half a character in its variables is refused, as in its text', async () => {
    const query = 'query ($udid: String) { enrollment(udid: $udid) { id } }';
    const halves = await askText(server, token, query, { udid: '\ud83d' });
    expect(halves).toMatchObject({
      status: 400,
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    });
    const whole = await askText(server, token, query, { udid: '\ud83d\ude00' });
    expect(whole).toMatchObject({ data: { enrollment: null } });
  });
});

describe('the schema', () => {
  it('is told to who asks, in the depth that GraphiQL asks for', async () => {
    const { data } = await askText(server, token, getIntrospectionQuery());
    expect(data).toMatchObject({ __schema: { queryType: { name: 'Query' } } });
  });

  it('is not told when introspection is switched off', async () => {
    const closed = await startGraph({ introspection: false });
    try {
      const other = await closed.token();
      const { status, errors } = await askText(
        closed,
        other.token,
        '{ __schema { types { name } } }',
      );
      expect(status).toBe(400);
      expect(errors?.[0]?.message).toContain('introspection');
    } finally {
      await closed.stop();
    }
  });
});

describe('GraphiQL', () => {
  const page = (from = server) => fetch(from.url, { headers: { Accept: 'text/html' } });

  it('is one page that loads nothing from anywhere else', async () => {
    const response = await page();
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(html).toMatch(/<title>graphmdm<\/title>/);
    expect(html).toContain('"/graphql"');
    const scripts = html.indexOf('<script');
    const markup = html.replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1>/g, '<$1></$1>');
    expect(scripts).toBeGreaterThan(0);
    expect(markup).not.toMatch(/(src|href|action)\s*=\s*["']?(https?:)?\/\//i);
    expect(html).not.toMatch(/<script[^>]+\bsrc\s*=/i);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/https?:|\*/);
  });

  it('is not there when it is switched off', async () => {
    const closed = await startGraph({ graphiql: false });
    try {
      expect((await page(closed)).status).toBe(401);
    } finally {
      await closed.stop();
    }
  });
});

function deep(levels: number): string {
  const inner = (level: number): string =>
    level === 0 ? 'id' : `... on DeviceEnrollment { ${inner(level - 1)} }`;
  return `{ enrollments { edges { node { ${inner(levels)} } } } }`;
}

function many(one: (n: number) => string, count: number): string {
  return Array.from({ length: count }, (_, n) => one(n)).join(' ');
}

/** Posts without a Content-Length. */
function chunked(body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(
      server.url,
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    sent.on('error', reject);
    for (let at = 0; at < body.length; at += 65_536) sent.write(body.slice(at, at + 65_536));
    sent.end();
  });
}
