import type { Device } from '../../clients/simulator/device.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import type { TestServer } from '../harness/server.ts';

let number = 0;

/**
 * Sends a device a command and lets it answer.
 * @param response  what the answer holds beside the envelope
 * @param fields    what the command asks
 * @returns the CommandUUID
 */
export async function answered(
  server: TestServer,
  device: Device,
  requestType: string,
  response: PlistDict,
  fields: PlistDict = {},
): Promise<string> {
  number += 1;
  const uuid = `inventory-${number}`;
  await enqueue(server, [device.enrollmentId], aCommand(uuid, requestType, fields));
  device.channel.responder = () => ({ status: 'Acknowledged', response });
  await device.channel.connect();
  return uuid;
}

/** Waits until the projection has taken, or given up, every answer that the device has given. */
export async function projected(server: TestServer): Promise<void> {
  const { graph } = server.store.database;
  for (;;) {
    const { rows } = await graph.query<{ done: boolean }>(
      `select not exists (select 1 from event where seq is null) and not exists (
         select 1 from event e
         join projection_lane l on l.projection = 'inventory' and l.lane = e.enrollment_key % 16
         where e.type = 'CommandAnswered' and e.seq > l.position) as done`,
    );
    if (rows[0]?.done) return;
  }
}
