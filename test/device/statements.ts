import { Client, type QueryConfig } from 'pg';
import { vi } from 'vitest';

/** A statement that went to the database by the devices' pool. */
export interface SentStatement {
  readonly name: string | null;
  readonly text: string;
}

/** Records what the devices' pools send. Begin before the server starts; undone by `stop`. */
export function recordHotStatements(): {
  readonly take: () => readonly SentStatement[];
  stop(): void;
} {
  // The two pools are alike but for their time-outs, which each connection sets before anything else.
  const hot = new WeakSet<object>();
  let sent: SentStatement[] = [];
  const send = Client.prototype.query;
  const spy = vi.spyOn(Client.prototype, 'query').mockImplementation(function (
    this: Client,
    ...args: unknown[]
  ) {
    const statement = statementOf(args[0]);
    if (statement.text.includes('statement_timeout = 2000')) hot.add(this);
    else if (hot.has(this)) sent.push(statement);
    return Reflect.apply(send, this, args);
  });
  return {
    take() {
      const taken = sent;
      sent = [];
      return taken;
    },
    stop: () => spy.mockRestore(),
  };
}

function statementOf(query: unknown): SentStatement {
  if (typeof query === 'string') return { name: null, text: query };
  const { name, text } = Object(query) as Partial<QueryConfig>;
  return { name: name ?? null, text: text ?? '' };
}
