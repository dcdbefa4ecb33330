import { createHash, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { checkInPlace, enrollmentPlace } from '../../server/mdm/check-in/store-raw.ts';
import { resultPlace } from '../../server/mdm/queue/deliver.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import type { GraphServer } from './graph-server.ts';

// Rows as devices and use cases leave them, written by SQL so that a test of reading needs neither.

/** A device, or with `device` a user channel on one. */
export async function anEnrollment(
  pool: Pool,
  row: {
    readonly id: string;
    readonly tenant?: number;
    readonly device?: string;
    readonly enabled?: boolean;
    readonly serialNumber?: string;
    readonly kind?: string;
    readonly topic?: string;
    readonly awaitingConfiguration?: boolean;
  },
): Promise<string> {
  const { rows } = await pool.query<{ key: string }>(
    `insert into enrollment (id, tenant_id, kind, device_key, enabled, serial_number, topic,
       awaiting_configuration)
     values ($1, $2, $3, (select key from enrollment where id = $4), $5, $6, $7, $8) returning key`,
    [
      row.id,
      row.tenant ?? 1,
      row.kind ?? (row.device ? 'USER' : 'DEVICE'),
      row.device ?? null,
      row.enabled ?? true,
      row.serialNumber ?? null,
      row.topic ?? 'com.example.mdm',
      row.awaitingConfiguration ?? null,
    ],
  );
  return rows[0]?.key ?? '';
}

/** A command; its body is not sealed. */
export async function aStoredCommand(
  pool: Pool,
  row: { readonly uuid?: string; readonly requestType?: string; readonly tenant?: number } = {},
): Promise<{ readonly key: string; readonly uuid: string }> {
  const { uuid = randomUUID(), requestType = 'ProfileList', tenant = 1 } = row;
  const body = buildPlist({ CommandUUID: uuid, Command: { RequestType: requestType } });
  const { rows } = await pool.query<{ key: string }>(
    `insert into command (uuid, tenant_id, request_type, body, body_fingerprint, targets_sha256, created_by)
     values ($1, $2, $3, $4, $5, $5, 'token:test') returning key`,
    [uuid, tenant, requestType, body, createHash('sha256').update(body).digest()],
  );
  return { key: rows[0]?.key ?? '', uuid };
}

/** An entry of a queue. */
export async function anEntry(pool: Pool, enrollmentKey: string, commandKey: string, urgency = 0) {
  await pool.query(
    'insert into queue_entry (enrollment_key, urgency, command_key) values ($1, $2, $3)',
    [enrollmentKey, urgency, commandKey],
  );
}

/** A device's answer, sealed as the device routes seal it. */
export async function aResult(
  { pool, keyring }: Pick<GraphServer, 'pool' | 'keyring'>,
  enrollment: { readonly key: string; readonly id: string },
  command: { readonly key: string; readonly uuid: string },
  report: PlistDict = { Status: 'Acknowledged' },
) {
  const bytes = buildPlist({ CommandUUID: command.uuid, ...report });
  await pool.query(
    `insert into command_result (enrollment_key, command_key, ended, status, result, queued_at, answered_at)
     values ($1, $2, 'ANSWERED', $3, $4, now(), now())`,
    [
      enrollment.key,
      command.key,
      report['Status'] ?? null,
      keyring.seal(resultPlace(enrollment.id, command.uuid), bytes),
    ],
  );
  return bytes;
}

/** A check-in message, sealed as the device routes seal it. */
export async function aCheckIn(
  { pool, keyring }: Pick<GraphServer, 'pool' | 'keyring'>,
  enrollmentKey: string,
  message: PlistDict & { readonly MessageType: string },
  { receivedAt = 'now()' }: { readonly receivedAt?: string } = {},
): Promise<{ readonly id: string; readonly bytes: Buffer }> {
  const id = randomUUID();
  const bytes = buildPlist(message);
  await pool.query(
    `insert into check_in (id, enrollment_key, message_type, raw, url_params, trace_id, received_at)
     values ($1, $2, $3, $4, '{"site": "north"}', 'trace', $5)`,
    [id, enrollmentKey, message.MessageType, keyring.seal(checkInPlace(id), bytes), receivedAt],
  );
  return { id, bytes };
}

/** The tokens that a device leaves, sealed as the device routes seal them. */
export async function leftTokens(
  { pool, keyring }: Pick<GraphServer, 'pool' | 'keyring'>,
  enrollmentId: string,
  tokens: { readonly unlock: Buffer; readonly bootstrap: Buffer },
) {
  await pool.query('update enrollment set unlock_token = $2, bootstrap_token = $3 where id = $1', [
    enrollmentId,
    keyring.seal(enrollmentPlace('unlock_token', enrollmentId), tokens.unlock),
    keyring.seal(enrollmentPlace('bootstrap_token', enrollmentId), tokens.bootstrap),
  ]);
}

/** An event, as if a use case had appended it. */
export async function anEvent(
  { pool, events }: Pick<GraphServer, 'pool' | 'events'>,
  row: {
    readonly type: string;
    readonly tenant?: number;
    readonly enrollmentKey?: string;
    readonly commandKey?: string;
    readonly checkInId?: string;
    readonly jobId?: string;
    readonly data?: Readonly<Record<string, unknown>>;
  },
) {
  await pool.query(
    `insert into event
       (type, tenant_id, trace_id, enrollment_key, command_key, check_in_id, job_id, data)
     values ($1, $2, 'trace', $3, $4, $5, $6, $7)`,
    [
      row.type,
      row.tenant ?? 1,
      row.enrollmentKey ?? null,
      row.commandKey ?? null,
      row.checkInId ?? null,
      row.jobId ?? null,
      row.data ?? {},
    ],
  );
  events.committed();
}
