import { type Socket, connect } from 'node:net';

/** An answer; of the body only what came. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One kept-alive connection with one request under way at most. */
export interface Connection {
  /** @param request head and body as they go over the wire */
  send(request: Buffer, done: (answer: Answer | Error) => void): void;
  close(): void;
}

const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

/**
 * HTTP/1.1 by hand: a client that builds objects for every header would itself be what is measured. It
 * reads what the servers under test write, and no more.
 */
export function openConnection(host: string, port: number): Connection {
  let socket: Socket | null = null;
  let waiting: ((answer: Answer | Error) => void) | null = null;
  let got: Buffer = Buffer.alloc(0);

  function settle(answer: Answer | Error): void {
    const done = waiting;
    waiting = null;
    got = Buffer.alloc(0);
    done?.(answer);
  }

  function heard(part: Buffer): void {
    got = got.length === 0 ? part : Buffer.concat([got, part]);
    const answer = readAnswer(got);
    if (answer !== null) settle(answer);
  }

  function open(): Socket {
    const made = connect({ host, port, noDelay: true });
    made.on('data', heard);
    made.on('error', (error) => settle(error));
    made.on('close', () => {
      if (socket === made) socket = null;
      settle(new Error('the server closed the connection'));
    });
    socket = made;
    return made;
  }

  return {
    send(request, done) {
      waiting = done;
      (socket ?? open()).write(request);
    },
    close() {
      waiting = null;
      socket?.destroy();
    },
  };
}

/** The answer that these bytes are, or null while it is not whole. */
function readAnswer(bytes: Buffer): Answer | null {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return null;
  const head = bytes.toString('latin1', 0, end);
  const status = Number(head.slice(9, 12));
  const start = end + headEnd.length;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const whole = start + Number(length);
    return bytes.length < whole ? null : { status, body: bytes.subarray(start, whole) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, body: Buffer.alloc(0) };
  const isWhole = bytes.subarray(-lastChunk.length).equals(lastChunk);
  return isWhole ? { status, body: joinChunks(bytes.subarray(start)) } : null;
}

function joinChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
