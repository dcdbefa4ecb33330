/** One of the errors that a mutation may answer: `ValidationError`, `ConflictError`, … */
export type ErrorIn<Result> = Extract<Result, { readonly __typename: `${string}Error` }>;

/**
 * Whether a mutation's answer is one of its errors; the other branch is the payload.
 * The document has to select `__typename` of the answer.
 */
export function isError<Result extends { readonly __typename: string }>(
  result: Result,
): result is ErrorIn<Result> {
  return result.__typename.endsWith('Error');
}
