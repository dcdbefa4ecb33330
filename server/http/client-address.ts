import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Context } from 'koa';

/** @param networks addresses or networks (`10.0.0.0/8`) @returns whether an address is among them */
export function networkList(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** The address at the other end of the connection; IPv4 as such, also on an IPv6 socket. */
export function socketAddress(ctx: Context): string {
  return (ctx.req.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

/**
 * The address of a client, behind proxies that are believed: each of them appends whom it heard to
 * `X-Forwarded-For`, so the last one that is no proxy of ours is the client.
 */
export function clientAddress(proxies: readonly string[]): (ctx: Context) => string {
  const trusted = networkList(proxies);
  return (ctx) => {
    const forwarded = ctx.get('X-Forwarded-For').split(',');
    let address = socketAddress(ctx);
    while (address !== '' && trusted(address)) {
      const before = forwarded.pop()?.trim() ?? '';
      if (isIP(before) === 0) break;
      address = before;
    }
    return address;
  };
}
