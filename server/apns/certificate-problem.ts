/** Why a push certificate is of no use. `unusable`: no TLS client can be made of it. */
export type CertificateProblem =
  | 'expired'
  | 'revoked'
  | 'unknown-authority'
  | 'bad-certificate'
  | 'bad-environment'
  | 'unusable';

/** Apple's reasons about the certificate, in answers and in the data of a GOAWAY. */
const byReason: ReadonlyMap<string, CertificateProblem> = new Map([
  ['BadCertificate', 'bad-certificate'],
  ['BadCertificateEnvironment', 'bad-environment'],
  // Said to who showed no certificate that may push.
  ['MissingProviderToken', 'bad-certificate'],
]);

/**
 * The alerts of RFC 8446, 6.2 that are about our certificate. What stands before `ALERT` in Node's code
 * changes with OpenSSL: `ERR_SSL_SSLV3_ALERT_…`, `ERR_SSL_SSL/TLS_ALERT_…`, `ERR_SSL_TLSV13_ALERT_…`.
 */
const byAlert: ReadonlyMap<string, CertificateProblem> = new Map([
  ['BAD_CERTIFICATE', 'bad-certificate'],
  ['UNSUPPORTED_CERTIFICATE', 'bad-certificate'],
  ['CERTIFICATE_REVOKED', 'revoked'],
  ['CERTIFICATE_EXPIRED', 'expired'],
  ['CERTIFICATE_UNKNOWN', 'bad-certificate'],
  ['UNKNOWN_CA', 'unknown-authority'],
  ['ACCESS_DENIED', 'bad-certificate'],
  ['CERTIFICATE_REQUIRED', 'bad-certificate'],
]);

/** What Apple's reason says about the certificate, or null if it is about something else. */
export function problemOfReason(reason: string): CertificateProblem | null {
  return byReason.get(reason) ?? null;
}

/** What a connection's error says about the certificate, or null if it is about something else. */
export function problemOfError(error: unknown): CertificateProblem | null {
  if (error instanceof CertificateError) return error.problem;
  if (!(error instanceof Error) || !('code' in error)) return null;
  const [, alert = ''] = /^ERR_SSL_.+?_ALERT_(.+)$/.exec(String(error.code)) ?? [];
  return byAlert.get(alert) ?? null;
}

/** The push certificate does not get us a connection. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly problem: CertificateProblem;

  constructor(problem: CertificateProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}
