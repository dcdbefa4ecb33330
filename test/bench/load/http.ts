import { type Socket, connect } from 'node:net';

/** An answer; of the body only what came. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** Whether the server closes the connection behind it. */
  readonly isLast: boolean;
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
 *
 * A server may close a connection that is idle at the moment in which a request goes out on it. As every
 * client does (RFC 9112, 9.3.1), it is then sent once more on a new one.
 * @param onResent is called when that happens
 */
export function openConnection(
  host: string,
  port: number,
  onResent: () => void = () => {},
): Connection {
  let socket: Socket | null = null;
  let waiting: ((answer: Answer | Error) => void) | null = null;
  let request: Buffer = Buffer.alloc(0);
  let got: Buffer = Buffer.alloc(0);
  /** Whether this socket has brought an answer already. */
  let isUsed = false;

  function settle(answer: Answer | Error): void {
    const done = waiting;
    waiting = null;
    got = Buffer.alloc(0);
    done?.(answer);
  }

  function heard(part: Buffer): void {
    got = got.length === 0 ? part : Buffer.concat([got, part]);
    const answer = readAnswer(got);
    if (answer === null) return;
    isUsed = true;
    if (answer.isLast) {
      socket?.destroy();
      socket = null;
    }
    settle(answer);
  }

  function lost(error: Error): void {
    socket = null;
    if (waiting === null) return;
    if (!isUsed || got.length > 0) return settle(error);
    onResent();
    socket = open();
    socket.write(request);
  }

  function open(): Socket {
    const made = connect({ host, port, noDelay: true });
    isUsed = false;
    const ifCurrent = (error: Error) => socket === made && lost(error);
    made.on('data', heard);
    made.on('error', ifCurrent);
    made.on('close', () => ifCurrent(new Error('the server closed the connection')));
    return made;
  }

  return {
    send(bytes, done) {
      waiting = done;
      request = bytes;
      socket ??= open();
      socket.write(bytes);
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
  const body = readBody(head, bytes, end + headEnd.length);
  const isLast = /\r\nconnection: *close/i.test(head);
  return body === null ? null : { status: Number(head.slice(9, 12)), body, isLast };
}

function readBody(head: string, bytes: Buffer, start: number): Buffer | null {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const whole = start + Number(length);
    return bytes.length < whole ? null : bytes.subarray(start, whole);
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return Buffer.alloc(0);
  const isWhole = bytes.subarray(-lastChunk.length).equals(lastChunk);
  return isWhole ? joinChunks(bytes.subarray(start)) : null;
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
