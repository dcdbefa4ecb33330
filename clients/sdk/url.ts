/**
 * The address of the graph.
 * @param url  of the graph, or of the server that it is on
 * @throws {TypeError} not an absolute http address
 */
export function graphUrl(url: string): string {
  const parsed = new URL(url);
  if (!/^https?:$/.test(parsed.protocol)) throw new TypeError(`${url} is not an http address.`);
  if (parsed.pathname === '/') parsed.pathname = '/graphql';
  return parsed.href;
}
