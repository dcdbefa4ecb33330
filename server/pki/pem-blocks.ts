/** One block of PEM (RFC 7468), the old kind with headers (RFC 1421) included. */
export interface PemBlock {
  /** What stands behind `BEGIN`, such as `CERTIFICATE`. */
  readonly label: string;
  /** The whole block, from `BEGIN` to `END`. */
  readonly text: string;
}

// Never past the next dashes, so that a text of many beginnings costs no more than its length.
const block = /-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----)[\s\S])*)-----END \1-----/g;

/** The blocks of a text in their order. What stands between them, or a missing line end, is no matter. */
export function pemBlocks(text: string): readonly PemBlock[] {
  return [...text.matchAll(block)].map(([whole, label = '']) => ({ label, text: whole }));
}

/** Writes one block of PEM. */
export function writePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
