import type { Worker } from 'node:cluster';

/** What Node's cluster says to a worker about a connection, and what the worker says back of it. */
interface ClusterMessage {
  readonly cmd: 'NODE_CLUSTER';
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

/** By then all that a worker said before its end has been read, in milliseconds. */
const lastWords = 100;

/**
 * Gives connections to another worker that were handed to this one and that it died without taking. Node
 * waits for ever for a worker to say whether it has taken one: the connection stayed open, read by nobody,
 * until the device gave it up. So Node is told that it was not taken as soon as nothing more can be heard of
 * the worker. A worker says that it has taken a connection before it reads it, so nothing is done twice.
 *
 * These are messages inside Node (lib/internal/cluster). Should they ever look otherwise, nothing happens here.
 * @param generation of the workers that listen now, or null when none does. Each listens with those of its own
 *   only: what was handed out before all of them had died is closed, and whoever sent it sends it again
 */
export function handOnLostConnections(
  { process: child }: Worker,
  generation: () => number | null,
): void {
  const handed = new Map<number, unknown>();
  const send = child.send.bind(child);
  child.send = (message: unknown, ...rest: unknown[]): boolean => {
    if (isOfCluster(message) && message.act === 'newconn' && typeof message.seq === 'number') {
      handed.set(message.seq, rest[0]);
    }
    return Reflect.apply(send, child, [message, ...rest]);
  };
  child.on('internalMessage', (message: unknown) => {
    if (isOfCluster(message) && typeof message.ack === 'number') handed.delete(message.ack);
  });
  child.once('exit', () => {
    const itsOwn = generation();
    // Not at 'disconnect': as long as a handle is on its way that does not come.
    setTimeout(() => {
      const canTake = itsOwn !== null && itsOwn === generation();
      for (const [seq, connection] of handed) {
        if (canTake) {
          child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: false });
        } else if (isClosable(connection)) {
          connection.close();
        }
      }
    }, lastWords);
  });
}

function isClosable(connection: unknown): connection is { close(): void } {
  return (
    typeof connection === 'object' &&
    connection !== null &&
    'close' in connection &&
    typeof connection.close === 'function'
  );
}

function isOfCluster(message: unknown): message is ClusterMessage {
  return (
    typeof message === 'object' &&
    message !== null &&
    'cmd' in message &&
    message.cmd === 'NODE_CLUSTER'
  );
}
