import { type TypedDocument, textOf } from './document.ts';
import type { RequestOptions, Requests } from './requests/requests.ts';

/** A connection, as Relay has it. */
export interface Connection<Node> {
  readonly edges: readonly { readonly node: Node }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** Type of the nodes in the connection that a query's one field is. */
export type NodeOf<Data> = Data[keyof Data] extends Connection<infer Node> ? Node : never;

/** A list of any length: iterate over its nodes, or over its pages. Pages are asked for as they are needed. */
export interface List<Page, Node> extends AsyncIterable<Node> {
  pages(): AsyncGenerator<Page, void, undefined>;
}

/**
 * Reads a list page by page.
 * @throws {TypeError} the document takes no `$after`
 */
export function list<Data extends object>(
  requests: Requests,
  document: TypedDocument<Data, never>,
  variables: object | undefined,
  options: RequestOptions | undefined,
): List<Data[keyof Data], NodeOf<Data>> {
  if (!/\bafter\s*:\s*\$after\b/.test(textOf(document))) {
    throw new TypeError('A list has to take `$after: String` and pass it on as `after: $after`.');
  }

  async function* pages(): AsyncGenerator<Data[keyof Data], void, undefined> {
    let after: string | null | undefined;
    do {
      const data: Data = await requests.query(
        document,
        after === undefined ? variables : { ...variables, after },
        options,
      );
      const [page] = Object.values(data) as Data[keyof Data][];
      if (page === undefined) return;
      yield page;
      const { pageInfo } = connectionIn(page);
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after !== null);
  }

  return {
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const page of pages()) {
        for (const { node } of connectionIn(page).edges) yield node as NodeOf<Data>;
      }
    },
  };
}

/** @throws {TypeError} the document selects too little of it */
function connectionIn(page: unknown): Connection<unknown> {
  const { edges, pageInfo } = Object(page) as Partial<Connection<unknown>>;
  if (edges && pageInfo?.hasNextPage !== undefined && pageInfo.endCursor !== undefined) {
    return { edges, pageInfo };
  }
  throw new TypeError(
    'A list has to select `edges { node { … } }` and `pageInfo { hasNextPage endCursor }`.',
  );
}
