/**
 * Why a device's message is not taken. Devices never see the reason, only the status: 401, 403 and
 * redirects are not among them, because a device un-enrols on 401 (and on 403 with Apple's code).
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** HTTP status for the device. */
  readonly status: 400 | 409 | 410 | 413 | 500 | 502 | 503;
  /** Short, stable word for logs and metrics, such as `signature-mismatch`. */
  readonly code: string;

  constructor(status: Refusal['status'], code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
