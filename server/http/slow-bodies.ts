import type { RequestListener } from 'node:http';

/** A request has to arrive whole within this time, in milliseconds: nobody holds a body open for long. */
const wholeWithin = 120_000;

/**
 * Cuts requests that don't arrive whole in time, as Node's own `requestTimeout` does, but not those to
 * paths where a file may take hours: these see for themselves to bodies that stand still.
 */
export function cuttingSlowBodies(
  mayTakeLong: (path: string) => boolean,
  handler: RequestListener,
): RequestListener {
  return (request, response) => {
    if (!request.complete && !mayTakeLong(request.url ?? '')) {
      const timer = setTimeout(() => {
        if (!request.complete) request.socket.destroy();
      }, wholeWithin);
      timer.unref();
      const clear = () => clearTimeout(timer);
      request.once('end', clear);
      response.once('close', clear);
    }
    handler(request, response);
  };
}
