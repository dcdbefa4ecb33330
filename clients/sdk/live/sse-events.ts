/** An event of a stream of server-sent events. */
export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Makes a reader of text in pieces, cut wherever the network likes.
 * @returns takes the next piece, and gives the events that are whole by now; comments are none
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function createSseReader(): (piece: string) => readonly SseEvent[] {
  let rest = '';
  return (piece) => {
    // A CR at the very end may be half of a CR LF.
    const text = rest + piece;
    const held = text.endsWith('\r') ? '\r' : '';
    const blocks = text
      .slice(0, text.length - held.length)
      .replaceAll(/\r\n?/g, '\n')
      .split('\n\n');
    rest = (blocks.pop() ?? '') + held;
    return blocks.flatMap((block) => eventIn(block) ?? []);
  };
}

function eventIn(block: string): SseEvent | null {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name === 'event') event = value;
    if (name === 'data') data.push(value);
  }
  return data.length > 0 || event !== 'message' ? { event, data: data.join('\n') } : null;
}
