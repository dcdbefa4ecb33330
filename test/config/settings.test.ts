import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { helpText, settingsMarkdown } from '../../server/config/help.ts';
import { settingList } from '../../server/config/table.ts';
import { parseSettings, type Settings } from '../../server/config.ts';

const noFiles = (path: string): string => {
  throw new Error(`ENOENT: no such file, open '${path}'`);
};

function settingsOf(
  argv: readonly string[],
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): Settings {
  const outcome = parseSettings(argv, env, (path) => files[path] ?? noFiles(path));
  if ('settings' in outcome) return outcome.settings;
  throw new Error(JSON.stringify(outcome));
}

function errorsOf(
  argv: readonly string[],
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): readonly string[] {
  const outcome = parseSettings(argv, env, (path) => files[path] ?? noFiles(path));
  return 'errors' in outcome ? outcome.errors : [];
}

describe('the settings', () => {
  it('have their defaults when nothing is given', () => {
    expect(settingsOf([])).toMatchObject({
      listen: { host: null, port: 9000 },
      publicUrl: null,
      dataDir: './data',
      databaseUrl: null,
      redisUrl: null,
      redisPrefix: 'graphmdm',
      ca: [],
      intermediate: [],
      refuseSha1: false,
      secretKey: [],
      adminToken: null,
      graphqlBodyLimit: 16 * 1024 * 1024,
      graphiql: true,
      introspection: true,
      historyRetention: 90 * 86_400_000,
      eventRetention: 30 * 86_400_000,
      resultRetention: 90 * 86_400_000,
      logLevel: 'info',
    });
  });

  it('take a flag before its variable, and the variable before the default', () => {
    const env = { GRAPHMDM_LISTEN: ':1', GRAPHMDM_LOG_LEVEL: 'debug' };
    const settings = settingsOf(['--listen', ':2'], env);
    expect(settings.listen.port).toBe(2);
    expect(settings.logLevel).toBe('debug');
  });

  it('take an empty variable as unset', () => {
    expect(settingsOf([], { GRAPHMDM_LISTEN: '', DATABASE_URL: '' })).toEqual(settingsOf([]));
  });

  it.each([[['--listen', ':80']], [['--listen=:80']], [['-listen', ':80']], [['-listen=:80']]])(
    'read %j',
    (argv) => expect(settingsOf(argv).listen).toEqual({ host: null, port: 80 }),
  );

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:9000', { host: '::1', port: 9000 }],
    ['mdm.example.org:443', { host: 'mdm.example.org', port: 443 }],
  ])('listen on %s', (text, address) =>
    expect(settingsOf(['--listen', text]).listen).toEqual(address),
  );

  it.each(['9000', ':65536', '::1:9000', ':', 'http://x:80'])('do not listen on %j', (text) =>
    expect(errorsOf([`--listen=${text}`])).toEqual([
      `--listen (GRAPHMDM_LISTEN): expected host:port or :port, got ${JSON.stringify(text)}.`,
    ]),
  );

  it.each(['--apns-url', '--escrow-url'])('take nothing but https for %s', (flag) => {
    expect(errorsOf([flag, 'https://localhost:2197'])).toEqual([]);
    expect(errorsOf([flag, 'http://localhost:2197'])).toEqual([
      expect.stringContaining('expected an https:// URL'),
    ]);
  });

  it('take switches alone, with a value, and from the environment', () => {
    expect(settingsOf(['--refuse-sha1']).refuseSha1).toBe(true);
    expect(settingsOf(['--refuse-sha1', '--graphiql=false']).graphiql).toBe(false);
    expect(settingsOf([], { GRAPHMDM_REFUSE_SHA1: '1' }).refuseSha1).toBe(true);
    expect(settingsOf(['--refuse-sha1=no'], { GRAPHMDM_REFUSE_SHA1: '1' }).refuseSha1).toBe(false);
    expect(settingsOf(['--graphiql', 'false', '--checkin', 'true'])).toMatchObject({
      graphiql: false,
      checkin: true,
    });
    expect(errorsOf(['--graphiql=maybe'])).toHaveLength(1);
    expect(errorsOf(['--graphiql', 'maybe'])).toHaveLength(1);
  });

  it('read times and sizes', () => {
    const settings = settingsOf([
      '--history-retention=12h',
      '--event-retention=forever',
      '--graphql-body-limit=512KiB',
    ]);
    expect(settings.historyRetention).toBe(43_200_000);
    expect(settings.eventRetention).toBeNull();
    expect(settings.graphqlBodyLimit).toBe(524_288);
    expect(errorsOf(['--event-retention=0d', '--graphql-body-limit=2GiB'])).toHaveLength(2);
  });

  it('take the slash off the public URL and refuse what is no base', () => {
    expect(settingsOf(['--public-url=https://mdm.example.org/']).publicUrl).toBe(
      'https://mdm.example.org',
    );
    expect(settingsOf(['--public-url=https://a.example/mdm/']).publicUrl).toBe(
      'https://a.example/mdm',
    );
    for (const wrong of [
      'mdm.example.org',
      'ftp://a.example',
      'https://u:p@a.example',
      'https://a/?x',
    ]) {
      expect(errorsOf([`--public-url=${wrong}`])).toHaveLength(1);
    }
  });

  it('take a database URL that names a socket', () => {
    const url = 'postgresql://graphmdm@/mdm?host=/run/postgresql';
    expect(settingsOf([], { DATABASE_URL: url }).databaseUrl).toBe(url);
  });

  it('name everything that is wrong at once, by flag and variable', () => {
    const errors = errorsOf(['--listen', 'x', '--nonsense', '7', '--graphqil'], {
      GRAPHMDM_LOG_LEVEL: 'loud',
      REDIS_URL: 'http://somewhere',
    });
    expect([...errors].sort()).toEqual(
      [
        '--nonsense: there is no such flag.',
        '--graphqil: there is no such flag.',
        '--redis-url (REDIS_URL): expected a redis:// or rediss:// URL.',
        '--listen (GRAPHMDM_LISTEN): expected host:port or :port, got "x".',
        '--log-level (GRAPHMDM_LOG_LEVEL): expected debug, info, warn, error or silent, got "loud".',
      ].sort(),
    );
  });

  it('tell which flag was probably meant', () => {
    expect(errorsOf(['--lisen=:1'])).toEqual([
      '--lisen: there is no such flag; did you mean --listen.',
    ]);
  });

  it('refuse a flag without its value, one given twice, and a lone word', () => {
    expect(errorsOf(['--listen'])).toEqual(['--listen: needs a value.']);
    expect(errorsOf(['--listen', '--graphiql'])).toEqual(['--listen: needs a value.']);
    expect(errorsOf(['--listen=:1', '--listen=:2'])).toEqual(['--listen: given more than once.']);
    expect(errorsOf(['--listen', ':1', 'secret'])).toEqual([
      'Argument 3 is not a flag; flags are --name value or --name=value.',
    ]);
  });

  it('warn of a variable that means nothing, and start', () => {
    const outcome = parseSettings([], { GRAPHMDM_LISTN: ':1', OTHER: 'x' }, noFiles);
    expect('warnings' in outcome && outcome.warnings).toEqual([
      'GRAPHMDM_LISTN is set, but there is no such setting.',
    ]);
  });

  it('take what clients go by for theirs, where both have one environment', () => {
    const env = { GRAPHMDM_URL: 'http://localhost:9000', GRAPHMDM_TOKEN: 'gmdm_x' };
    const outcome = parseSettings([], env, noFiles);
    expect('warnings' in outcome && outcome.warnings).toEqual([]);
  });

  it.each(['--help', '-h', '--version'])('answer %s whatever else is wrong', (flag) => {
    const outcome = parseSettings(['--nonsense=1', flag], { GRAPHMDM_LISTEN: 'x' }, noFiles);
    expect(outcome).toEqual({ asksFor: flag === '--version' ? 'version' : 'help' });
  });
});

describe('secrets among the settings', () => {
  const key = randomBytes(32);
  const other = randomBytes(32);

  it('are read from files, of which there may be several', () => {
    const settings = settingsOf(
      ['--secret-key-file', 'new', '--secret-key-file=old', '--admin-token-file', 'token'],
      {},
      {
        new: `${key.toString('base64')}\n`,
        old: other.toString('hex'),
        token: 'a-long-enough-token\n',
      },
    );
    expect(settings.secretKey).toEqual([key, other]);
    expect(settings.adminToken).toBe('a-long-enough-token');
  });

  it('are read from a file that a variable names, commas between several', () => {
    const files = { a: key.toString('hex'), b: other.toString('hex') };
    expect(settingsOf([], { GRAPHMDM_SECRET_KEY_FILE: 'a,b' }, files).secretKey).toEqual([
      key,
      other,
    ]);
    const url = { url: 'postgresql://u:p@db/mdm\n' };
    expect(settingsOf([], { DATABASE_URL_FILE: 'url' }, url).databaseUrl).toBe(
      'postgresql://u:p@db/mdm',
    );
  });

  it('by flag beat those by variable, also when one is a file and the other is not', () => {
    const env = { GRAPHMDM_ADMIN_TOKEN: 'token-of-the-environment' };
    const files = { t: 'token-of-the-file' };
    expect(settingsOf(['--admin-token-file=t'], env, files).adminToken).toBe('token-of-the-file');
  });

  it('are refused when given both ways at one level', () => {
    expect(errorsOf(['--admin-token=x', '--admin-token-file=t'], {}, { t: 'y' })).toEqual([
      '--admin-token (GRAPHMDM_ADMIN_TOKEN): give --admin-token or --admin-token-file, not both.',
    ]);
  });

  it('in a file that is not there are an error that names flag and file', () => {
    const [error] = errorsOf(['--admin-token-file=/nowhere/t']);
    expect(error).toContain('--admin-token-file cannot be read');
    expect(error).toContain('/nowhere/t');
  });

  it('are never in an error', () => {
    const errors = errorsOf(
      ['--secret-key=hunter2', '--admin-token=hunter2', 'hunter2', '--database-url=hunter2'],
      { REDIS_URL: 'hunter2' },
    );
    expect(errors).toHaveLength(5);
    expect(errors.join()).not.toContain('hunter2');
  });
});

describe('certificate files among the settings', () => {
  it('that are missing or hold no certificate are errors that name the file', () => {
    expect(
      errorsOf(['--ca=missing.pem', '--ca=key.pem'], {}, { 'key.pem': 'no certificate' }),
    ).toEqual([
      "--ca (GRAPHMDM_CA): missing.pem: ENOENT: no such file, open 'missing.pem'.",
      '--ca (GRAPHMDM_CA): key.pem: holds no certificate in PEM form.',
    ]);
  });

  it('that hold a broken certificate are refused', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(errorsOf(['--intermediate=b.pem'], {}, { 'b.pem': broken })).toEqual([
      '--intermediate (GRAPHMDM_INTERMEDIATE): b.pem: certificate 1 of 1 cannot be read.',
    ]);
  });

  it('give their certificates in order', () => {
    const [bundle] = settingsOf(['--ca=ca.pem'], {}, { 'ca.pem': `# mine\n${pem}\n${pem}` }).ca;
    expect(bundle?.path).toBe('ca.pem');
    expect(bundle?.certificates.map(({ subject }) => subject)).toEqual(['CN=test', 'CN=test']);
  });
});

describe('the table of settings', () => {
  it('names no flag and no variable twice', () => {
    expect(new Set(settingList.map(({ flag }) => flag)).size).toBe(settingList.length);
    expect(new Set(settingList.map(({ env }) => env)).size).toBe(settingList.length);
  });

  it('is all in --help and in the docs, with its defaults', () => {
    for (const { flag, env, secret } of settingList) {
      for (const text of [helpText(), settingsMarkdown()]) {
        expect(text).toContain(`--${flag}`);
        expect(text).toContain(env);
        if (secret) expect(text).toContain(`--${flag}-file`);
      }
    }
    expect(helpText()).toContain('default :9000');
  });

  it('fits a terminal of 100 columns', () => {
    const longest = Math.max(
      ...helpText()
        .split('\n')
        .map((line) => line.length),
    );
    expect(longest).toBeLessThanOrEqual(100);
  });
});

// A self-signed certificate made for this test; its key was thrown away.
const pem = `-----BEGIN CERTIFICATE-----
MIIBczCCARugAwIBAgIUQwLWQ74BBerFoR5vOQTgz9q+YicwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMyMjI3NTRaGA8yMTI2MTAzMDIyMjc1
NFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKop
1dl3h10OEXmEs0JVsqBWQth8CFbShaN24Qw9XvRGSsIdoQnnWHmeP/guEapSPL8+
RDi/gnq4xjyXq0lZWQGjUzBRMB0GA1UdDgQWBBRw+PWfWJ4R3i4CBRpsv4a3p7y4
sjAfBgNVHSMEGDAWgBRw+PWfWJ4R3i4CBRpsv4a3p7y4sjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0YAMEMCIHQxfUkFf15rEsw2YpGG5P4uqum2r7cS30dh
VTbRq3cUAh8Ui7mOeJOLTREKuD7jzo3qCMBCqHerlyko0iWETayb
-----END CERTIFICATE-----`;
