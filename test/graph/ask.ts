import type { TypedDocumentString } from '../../generated/gql/graphql.ts';
import type { GraphServer } from './graph-server.ts';

/** An error of an answer. */
export interface AnswerError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface Answer<Data> {
  readonly status: number;
  readonly data?: Data;
  readonly errors?: readonly AnswerError[];
}

/** Asks over HTTP, in a text that may well be wrong. */
export async function askText(
  server: Pick<GraphServer, 'url'>,
  token: string | null,
  query: string,
  variables: object = {},
): Promise<Answer<unknown>> {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json',
      ...(token !== null && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, ...(await response.json()) };
}

/** What a document takes: nothing when it has no variables. */
export type VariablesOf<Variables> =
  Record<string, never> extends Variables ? [variables?: Variables] : [variables: Variables];

/** Asks over HTTP. */
export async function ask<Data, Variables extends object>(
  server: Pick<GraphServer, 'url'>,
  token: string | null,
  document: TypedDocumentString<Data, Variables>,
  ...[variables]: VariablesOf<Variables>
): Promise<Answer<Data>> {
  const answer = await askText(server, token, document.toString(), variables);
  // What the server answers to a document that was checked against its schema has the document's type.
  return answer as Answer<Data>;
}

/** The data of an answer without errors. */
export async function dataOf<Data>(answer: Promise<Answer<Data>>): Promise<Data> {
  const { data, errors } = await answer;
  if (errors || data === undefined) throw new Error(JSON.stringify(errors));
  return data;
}
