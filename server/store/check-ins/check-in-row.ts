import type { PoolClient } from 'pg';
import { jsonb } from './jsonb.ts';

/** What an Authenticate tells of a device. All optional: devices leave out what they like. */
export interface DeviceFacts {
  readonly serialNumber: string | null;
  readonly deviceName: string | null;
  readonly model: string | null;
  readonly modelName: string | null;
  readonly productName: string | null;
  readonly osVersion: string | null;
  readonly buildVersion: string | null;
  readonly imei: string | null;
  readonly meid: string | null;
}

/** A check-in message as it is kept. */
export interface StoredCheckIn {
  /** UUID; also what the sealed bytes are bound to. */
  readonly id: string;
  /** The bytes as sent, sealed. */
  readonly raw: Buffer;
  /** The query parameters of the request: the first value of each name. */
  readonly urlParams: Readonly<Record<string, string>> | null;
  readonly traceId: string;
  readonly at: Date;
}

/** Keeps a check-in and appends its event, in the caller's transaction. */
export async function appendCheckIn(
  client: PoolClient,
  input: {
    readonly enrollmentKey: string;
    readonly tenantId: number;
    readonly messageType: string;
    readonly eventType: string;
    readonly message: StoredCheckIn;
    readonly data: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const { message } = input;
  await client.query({
    name: 'append-check-in',
    text: `
with message as (
  insert into check_in (id, enrollment_key, message_type, raw, url_params, trace_id, received_at)
  values ($1, $2, $3, $4, $5, $6, $7)
)
insert into event (type, tenant_id, at, trace_id, enrollment_key, check_in_id, data)
values ($8, $9, $7, $6, $2, $1, $10)`,
    values: [
      message.id,
      input.enrollmentKey,
      input.messageType,
      message.raw,
      jsonb(message.urlParams),
      message.traceId,
      message.at,
      input.eventType,
      input.tenantId,
      jsonb(input.data),
    ],
  });
}
