/** What a device gets back for a check-in; null stands for an empty 200. */
export interface CheckInReply {
  /** 404 only for a declaration that is gone (the device then removes it), 410 for a declined user. */
  readonly status: 200 | 404 | 410;
  readonly contentType: string | null;
  readonly body: Buffer;
}

/** A property list with status 200. */
export function plistReply(body: Buffer): CheckInReply {
  return { status: 200, contentType: 'text/xml; charset=utf-8', body };
}
