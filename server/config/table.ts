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
  workers: required('workers', {
    schema: values.workers,
    expected: 'a number from 1 to 64',
    default: '1',
    help: 'Processes that serve the port, for machines with more cores than one process uses. SIGHUP replaces them one by one. Each counts the subscriptions of a token (500) by itself.',
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
    help: 'Certificate authorities that device certificates must chain to, instead of the server’s own.',
  }),
  intermediate: fileList('intermediate', {
    parse: parsePemBundle,
    expected: 'a file of PEM certificates',
    help: 'Certificates between those authorities and the devices’ own; trusted for nothing themselves.',
  }),
  deviceCa: onOff('device-ca', {
    schema: values.truth,
    default: false,
    help: 'Have the server’s own device authority beside those of --ca. Without --ca there always is one.',
  }),
  deviceCaFile: optional('device-ca-file', {
    schema: values.file,
    expected: 'a file of PEM (certificate and key) or PKCS #12',
    help: 'Authority to take over as the server’s own, instead of one that the first start makes.',
  }),
  deviceCaPassword: optional('device-ca-password', {
    schema: values.password,
    expected: 'a password',
    secret: true,
    help: 'Password of --device-ca-file.',
  }),
  deviceCaKeyKind: required('device-ca-key-kind', {
    schema: values.keyKind,
    expected: 'rsa or ec',
    default: 'rsa',
    help: 'Key of a device authority that is made: RSA-2048, or P-256.',
  }),
  deviceCertValidity: required('device-cert-validity', {
    schema: values.days,
    expected: 'a number of days such as 365d, at most 3650d',
    default: '365d',
    help: 'How long the certificates of devices last, never beyond their authority.',
  }),
  renewBefore: required('renew-before', {
    schema: values.daysOrNever,
    expected: 'a number of days such as 30d, or never',
    default: '30d',
    help: 'How long before its end a device’s certificate is renewed, by sending its profile again.',
  }),
  renewRetry: required('renew-retry', {
    schema: values.days,
    expected: 'a number of days such as 7d',
    default: '7d',
    help: 'How long to wait before a renewal that came to nothing is tried again; less, the nearer the end.',
  }),
  renewPerHour: required('renew-per-hour', {
    schema: values.count,
    expected: 'a number from 1 to 1000000',
    default: '1200',
    help: 'How many devices are asked to renew in an hour at most, for the authority’s sake.',
  }),
  scepChallenge: optional('scep-challenge', {
    schema: values.challenge,
    expected: '1 to 200 visible ASCII characters',
    secret: true,
    help: 'A challenge that gets any device a certificate, beside those of invitations. Make it long and random.',
  }),
  scepAllowDes: onOff('scep-allow-des', {
    schema: values.truth,
    default: true,
    help: 'Take SCEP requests in single DES. Widespread clients send nothing else; Apple’s devices do not need it.',
  }),
  scepUrl: optional('scep-url', {
    schema: values.upstreamUrl,
    expected: 'an https:// or http:// URL',
    help: 'SCEP server that profiles name instead of this one, with --scep-challenge.',
  }),
  organization: required('organization', {
    schema: values.organization,
    expected: '1 to 64 characters',
    default: 'graphmdm',
    help: 'Whose server this is, as profiles and certificates say it.',
  }),
  accessRights: required('access-rights', {
    schema: values.accessRights,
    expected: 'a number from 1 to 8191',
    default: '8191',
    help: 'AccessRights of enrolment profiles, the sum of what the server may do.',
  }),
  profileTrust: fileList('profile-trust', {
    parse: parsePemBundle,
    expected: 'a file of PEM certificates',
    help: 'Roots that profiles have devices trust, when the certificate of --public-url is a private one.',
  }),
  profileSigningCert: optional('profile-signing-cert', {
    schema: values.file,
    expected: 'a PEM file',
    help: 'Certificate (with its chain) that profiles are signed with.',
  }),
  profileSigningKey: optional('profile-signing-key', {
    schema: values.file,
    expected: 'a PEM file',
    help: 'Key of --profile-signing-cert.',
  }),
  refuseSha1: onOff('refuse-sha1', {
    schema: values.truth,
    default: false,
    help: 'Refuse device messages signed with SHA-1. Many Apple devices still sign so.',
  }),
  apnsUrl: optional('apns-url', {
    schema: values.secureUrl,
    expected: 'an https:// URL',
    help: 'Push service to use instead of Apple’s, such as a stand-in.',
  }),
  apnsCa: fileList('apns-ca', {
    parse: parsePemBundle,
    expected: 'a file of PEM certificates',
    help: 'Authorities to trust at --apns-url and --escrow-url instead of the usual ones.',
  }),
  escrowUrl: optional('escrow-url', {
    schema: values.secureUrl,
    expected: 'an https:// URL',
    help: 'Service that lifts Activation Locks to use instead of Apple’s, such as a stand-in.',
  }),
  certHeader: optional('cert-header', {
    schema: values.headerName,
    expected: 'the name of a header',
    help: 'Header in which a proxy names the device certificate (RFC 9440, or URL-escaped PEM). Mdm-Signature is then not looked at.',
  }),
  trustedProxies: list('trusted-proxies', {
    schema: values.network,
    expected: 'addresses or networks such as 10.0.0.0/8',
    help: 'From whom --cert-header is believed. Default: this machine only.',
  }),
  tlsCert: optional('tls-cert', {
    schema: values.file,
    expected: 'a PEM file',
    help: 'Certificate (with its chain) of the server’s own TLS; read again when it changes.',
  }),
  tlsKey: optional('tls-key', {
    schema: values.file,
    expected: 'a PEM file',
    help: 'Key of --tls-cert.',
  }),
  tlsClientAuth: onOff('tls-client-auth', {
    schema: values.truth,
    default: false,
    help: 'Ask devices for their certificate in TLS; one that shows none still signs its messages.',
  }),
  checkin: onOff('checkin', {
    schema: values.truth,
    default: false,
    help: 'Take check-ins on /checkin and reports on /mdm, instead of both on /mdm.',
  }),
  retro: onOff('retro', {
    schema: values.truth,
    default: false,
    help: 'Let a migrated enrolment without a certificate be bound to the first one it shows.',
  }),
  dm: optional('dm', {
    schema: values.upstreamUrl,
    expected: 'an https:// or http:// URL',
    help: 'Server that answers declarative management; Endpoint is resolved against this URL.',
  }),
  dmSendHmacKey: optional('dm-send-hmac-key', {
    schema: values.hmacKey,
    expected: 'a key',
    secret: true,
    help: 'Signs what --dm is sent (X-Hmac-Signature).',
  }),
  dmRecvHmacKey: optional('dm-recv-hmac-key', {
    schema: values.hmacKey,
    expected: 'a key',
    secret: true,
    help: 'Demands that the answers of --dm are signed.',
  }),
  getTokenUrl: list('get-token-url', {
    schema: values.tokenServiceUrl,
    expected: 'TYPE=URL, such as com.apple.maid=https://tokens.example.com/maid',
    help: 'Who makes the tokens that devices ask for, by TokenServiceType.',
  }),
  authProxyUrl: optional('auth-proxy-url', {
    schema: values.upstreamUrl,
    expected: 'an https:// or http:// URL',
    help: 'Target of /authproxy/: requests of enrolled devices are passed on to it.',
  }),
  accountDrivenByodUrl: optional('account-driven-byod-url', {
    schema: values.enrollmentUrl,
    expected: 'an https:// URL',
    help: 'Server that account-driven User Enrollment (mdm-byod) is referred to, by /.well-known/com.apple.remotemanagement.',
  }),
  accountDrivenAddeUrl: optional('account-driven-adde-url', {
    schema: values.enrollmentUrl,
    expected: 'an https:// URL',
    help: 'The same for account-driven Device Enrollment (mdm-adde).',
  }),
  uaZlDc: onOff('ua-zl-dc', {
    schema: values.truth,
    default: false,
    help: 'Answer UserAuthenticate with an empty challenge instead of declining it.',
  }),
  nanomdmApi: onOff('nanomdm-api', {
    schema: values.truth,
    default: false,
    help: 'Serve the NanoMDM-compatible HTTP API under /v1, for the tools of a NanoMDM that moved here.',
  }),
  migration: onOff('migration', {
    schema: values.truth,
    default: false,
    help: 'Take raw check-ins from NanoMDM’s migration tools at /migration, with --nanomdm-api-key.',
  }),
  nanomdmApiKey: optional('nanomdm-api-key', {
    schema: values.apiKey,
    expected: 'a key without control characters',
    secret: true,
    help: 'Password of the user nanomdm (HTTP Basic) for what --nanomdm-api and --migration open. Make it long and random.',
  }),
  disableMdm: onOff('disable-mdm', {
    schema: values.truth,
    default: false,
    help: 'Serve no devices.',
  }),
  disableApi: onOff('disable-api', {
    schema: values.truth,
    default: false,
    help: 'Serve no graph: devices only.',
  }),
  dump: onOff('dump', {
    schema: values.truth,
    default: false,
    help: 'Write device messages and their answers to the log, secrets masked.',
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
  oidcIssuer: optional('oidc-issuer', {
    schema: values.httpUrl,
    expected: 'a URL, letter by letter as the issuer’s tokens have it',
    help: 'Take this OIDC issuer’s tokens (JWT) beside API tokens. Needs the next two as well.',
  }),
  oidcAudience: optional('oidc-audience', {
    schema: values.audience,
    expected: 'a text',
    help: 'What the tokens of the OIDC issuer must be for (`aud`).',
  }),
  oidcJwksUrl: optional('oidc-jwks-url', {
    schema: values.httpUrl,
    expected: 'an https:// or http:// URL',
    help: 'Where the keys of the OIDC issuer are.',
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
  idleEvents: required('idle-events', {
    schema: values.intervalOrOff,
    expected: 'off, or a time such as 60s or 15m',
    default: 'off',
    help: 'Tell of devices that poll with nothing to report: one event for each at most so often.',
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
