import { parsePemBundle } from './pem.ts';
import { fileList, list, onOff, optional, required, type Setting } from './setting.ts';
import * as values from './values.ts';

const age = 'a time such as 90d, 12h, 30m or 45s, or forever';

/**
 * Every setting there is. A setting stands here from the day it works; the flag, the environment
 * variable, `--help` and docs/settings.md follow from its line.
 */
export const table = {
  listen: required('listen', {
    schema: values.listenAddress,
    expected: 'host:port or :port',
    default: ':9000',
    help: 'Address to listen on. Port 0 picks a free one, which the first log line tells.',
  }),
  publicUrl: optional('public-url', {
    schema: values.baseUrl,
    expected: 'an https:// or http:// URL',
    help: 'How devices reach this server. What devices are told is made from it, never from a request.',
  }),
  dataDir: required('data-dir', {
    schema: values.folder,
    expected: 'a folder',
    default: './data',
    help: 'Folder of the embedded database, and of the key and token that the first start makes.',
  }),
  databaseUrl: optional('database-url', {
    schema: values.postgresUrl,
    expected: 'a postgresql:// URL',
    env: 'DATABASE_URL',
    secret: true,
    help: 'PostgreSQL server, 15 or newer. Without it the server runs a PostgreSQL of its own.',
  }),
  redisUrl: optional('redis-url', {
    schema: values.redisUrl,
    expected: 'a redis:// or rediss:// URL',
    env: 'REDIS_URL',
    secret: true,
    help: 'Redis that carries wake-ups between several server processes. Not needed for one.',
  }),
  redisPrefix: required('redis-prefix', {
    schema: values.redisPrefix,
    expected: 'up to 64 letters, digits and _ . : -',
    default: 'graphmdm',
    help: 'What the names of our Redis channels begin with.',
  }),
  ca: fileList('ca', {
    parse: parsePemBundle,
    expected: 'a file of PEM certificates',
    help: 'Certificate authorities that device certificates must chain to.',
  }),
  intermediate: fileList('intermediate', {
    parse: parsePemBundle,
    expected: 'a file of PEM certificates',
    help: 'Certificates between those authorities and the devices’ own; trusted for nothing themselves.',
  }),
  refuseSha1: onOff('refuse-sha1', {
    schema: values.truth,
    default: false,
    help: 'Refuse device messages signed with SHA-1. Many Apple devices still sign so.',
  }),
  secretKey: list('secret-key', {
    schema: values.secretKey,
    expected: '32 bytes in base64 or hex',
    secret: true,
    help: 'Keys that seal secrets at rest: the first seals, all open. Default: secret.key in the data folder.',
  }),
  adminToken: optional('admin-token', {
    schema: values.adminToken,
    expected: '16 to 256 visible ASCII characters',
    secret: true,
    help: 'An API token with every scope that exists at every start. Make it long and random.',
  }),
  graphqlBodyLimit: required('graphql-body-limit', {
    schema: values.size,
    expected: 'a size such as 16MiB, at most 1GiB',
    default: '16MiB',
    help: 'Largest GraphQL request.',
  }),
  graphiql: onOff('graphiql', {
    schema: values.truth,
    default: true,
    help: 'Serve GraphiQL, the page to explore the graph with.',
  }),
  introspection: onOff('introspection', {
    schema: values.truth,
    default: true,
    help: 'Let clients read the graph’s schema.',
  }),
  historyRetention: required('history-retention', {
    schema: values.retention,
    expected: age,
    default: '90d',
    help: 'How long finished commands are kept.',
  }),
  eventRetention: required('event-retention', {
    schema: values.retention,
    expected: age,
    default: '30d',
    help: 'How long events are kept, and so how old a cursor may be.',
  }),
  resultRetention: required('result-retention', {
    schema: values.retention,
    expected: age,
    default: '90d',
    help: 'How long the bytes of results are kept.',
  }),
  logLevel: required('log-level', {
    schema: values.logLevel,
    expected: 'debug, info, warn, error or silent',
    default: 'info',
    help: 'The least of what is logged.',
  }),
};

/** The settings as the program uses them. */
export type Settings = {
  readonly [Name in keyof typeof table]: (typeof table)[Name] extends Setting<infer Value>
    ? Value
    : never;
};

/** The table's lines in order, for those who don't care which is which. */
export const settingList: readonly Setting<unknown>[] = Object.values(table);
