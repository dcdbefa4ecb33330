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

/** The alerts of RFC 8446, 6.2 that are about our certificate, as OpenSSL names them. */
const byErrorCode: ReadonlyMap<string, CertificateProblem> = new Map([
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'bad-certificate'],
  ['ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'bad-certificate'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', 'revoked'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'expired'],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'bad-certificate'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'unknown-authority'],
  ['ERR_SSL_TLSV1_ALERT_ACCESS_DENIED', 'bad-certificate'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'bad-certificate'],
]);

/** What Apple's reason says about the certificate, or null if it is about something else. */
export function problemOfReason(reason: string): CertificateProblem | null {
  return byReason.get(reason) ?? null;
}

/** What a connection's error says about the certificate, or null if it is about something else. */
export function problemOfError(error: unknown): CertificateProblem | null {
  if (error instanceof CertificateError) return error.problem;
  if (!(error instanceof Error) || !('code' in error)) return null;
  return byErrorCode.get(String(error.code)) ?? null;
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
