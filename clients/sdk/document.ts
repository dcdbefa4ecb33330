/**
 * A GraphQL document with the types of its answer and variables: whatever `graphql-codegen` makes with
 * `documentMode: 'string'`, or a plain string, of which nothing is known.
 */
export interface TypedDocument<Data, Variables> {
  toString(): string;
  /** Never there: it only carries the types. */
  __apiType?: (variables: Variables) => Data;
}

/** What follows a document in a call: its variables, which need not be there when it can do without, and options. */
export type Rest<Variables, Options> =
  Record<string, never> extends Variables
    ? [variables?: Variables, options?: Options]
    : [variables: Variables, options?: Options];

/** Gives a text the types that were generated for it. */
export function typed<Data, Variables>(text: string): TypedDocument<Data, Variables> {
  return text;
}

/**
 * The text of a document.
 * @throws {TypeError} it is not one of the string kind
 */
export function textOf(document: { toString(): string }): string {
  const text = String(document);
  if (text.startsWith('[object ')) {
    throw new TypeError(
      "This document is a syntax tree. Make documents with codegen's `documentMode: 'string'`, or print them.",
    );
  }
  return text;
}
