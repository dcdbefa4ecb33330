import { buildPlist } from '../../server/protocol/plist/build.ts';
import { parsePlist } from '../../server/protocol/plist/parse.ts';
import type { PlistDict } from '../../server/protocol/plist/value.ts';
import { isPlistDict } from '../../server/protocol/plist/value.ts';
import type { Reply } from './http.ts';
import type { Answer, ReceivedCommand, Responder } from './responders.ts';

/** A message's kind, which decides its address and content type. */
export type MessageKind = 'check-in' | 'report';

/** Signs a message and sends it. */
export type Deliver = (kind: MessageKind, body: Buffer) => Promise<Reply>;

/** A server's answer other than 200, or one that is no command. */
export class UnexpectedReply extends Error {
  override readonly name = 'UnexpectedReply';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** A command as it was answered. */
export interface Answered {
  readonly command: ReceivedCommand;
  readonly status: Answer['status'];
}

/** Reads what the server answered to a report. @returns null when the queue is empty */
export function readCommand(reply: Reply): ReceivedCommand | null {
  if (reply.status !== 200) {
    throw new UnexpectedReply(`the server answered a report with ${reply.status}`, reply.status);
  }
  if (reply.body.length === 0) return null;
  const root = parsePlist(reply.body);
  const dict: PlistDict = isPlistDict(root) ? root : {};
  const { CommandUUID: uuid, Command: command } = dict;
  if (typeof uuid !== 'string' || !isPlistDict(command)) {
    throw new UnexpectedReply('the server sent something that is no command', reply.status);
  }
  const type = command['RequestType'];
  return {
    uuid,
    requestType: typeof type === 'string' ? type : '',
    payload: command,
    raw: reply.body,
  };
}

/** One queue of a device: its own, or that of a user on it. */
export class Channel {
  /** What tells the server whose message it is. */
  readonly identifiers: PlistDict;
  /** Answers commands; replaced to script another behaviour. */
  responder: Responder;
  /** What the device does about a command before it answers. */
  before: (command: ReceivedCommand) => Promise<void> = async () => {};
  readonly #deliver: Deliver;

  constructor(identifiers: PlistDict, deliver: Deliver, responder: Responder) {
    this.identifiers = identifiers;
    this.responder = responder;
    this.#deliver = deliver;
  }

  /** Sends a check-in message with this channel's identifiers. The status is the caller's to judge. */
  checkIn(messageType: string, fields: PlistDict): Promise<Reply> {
    const message = { MessageType: messageType, ...this.identifiers, ...fields };
    return this.#deliver('check-in', buildPlist(message));
  }

  /** Asks for the next command. @returns null when there is none */
  async poll(): Promise<ReceivedCommand | null> {
    const body = buildPlist({ ...this.identifiers, Status: 'Idle' });
    return readCommand(await this.#deliver('report', body));
  }

  /** Reports on a command and takes the next one. @returns null when there is none */
  async report(uuid: string, answer: Answer): Promise<ReceivedCommand | null> {
    const { status, ...fields } = answer;
    const body = buildPlist({
      ...this.identifiers,
      CommandUUID: uuid,
      Status: status,
      ...fields.response,
      ...(fields.errors && { ErrorChain: fields.errors }),
    });
    return readCommand(await this.#deliver('report', body));
  }

  /**
   * What a device does when a push wakes it: polls and answers until the queue is empty.
   * @param most  how many commands are taken at most, against a queue that never ends
   */
  async connect(most = 10_000): Promise<Answered[]> {
    const answered: Answered[] = [];
    let command = await this.poll();
    while (command !== null && answered.length < most) {
      await this.before(command);
      const answer = this.responder(command);
      answered.push({ command, status: answer.status });
      command = await this.report(command.uuid, answer);
    }
    return answered;
  }
}
