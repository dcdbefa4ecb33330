import type { PoolClient } from 'pg';
import type { UnenrollAnswer } from '../../model/unenroll.ts';

/**
 * Disables a device and its user channels, and has the device's next contact answered so that it
 * un-enrols.
 */
export async function markForUnenroll(
  client: PoolClient,
  deviceKey: string,
  answer: UnenrollAnswer,
): Promise<void> {
  await client.query(
    `update enrollment set enabled = false,
       disabled_reason = $2
     where key = $1 or device_key = $1`,
    [deviceKey, `UNENROLL_${answer}`],
  );
}
