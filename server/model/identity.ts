/**
 * The certificate that a device's message was signed with, after its signature and its chain held.
 * Says who signed, not which enrolment that is.
 */
export interface VerifiedCertificate {
  /** SHA-256 of the certificate's DER, 32 bytes: what enrolments are bound to. */
  readonly sha256: Buffer;
  /** The subject as RFC 4514 writes it, such as `CN=device,O=Example`; empty for many devices. */
  readonly subject: string;
  /** The issuer as RFC 4514 writes it. */
  readonly issuer: string;
  /** Serial number, lower-case hexadecimal. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The certificate itself, DER. */
  readonly der: Buffer;
  /** The subject's DER, for comparing names byte for byte. */
  readonly subjectDer: Buffer;
  /** The issuer's DER. */
  readonly issuerDer: Buffer;
}
