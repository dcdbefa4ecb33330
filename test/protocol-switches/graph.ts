import { askText, type Answer } from '../graph/ask.ts';
import { adminToken, type TestServer } from '../harness/server.ts';

/** Asks a whole test server over HTTP, with the token that may do everything unless another is given. */
export function askServer(
  server: TestServer,
  query: string,
  variables: object = {},
  token: string = adminToken,
): Promise<Answer<unknown>> {
  return askText({ url: `${server.url}/graphql` }, token, query, variables);
}

/** The field of this name in an answer's data. @throws {Error} there are errors */
export async function fieldOf(
  name: string,
  asked: Promise<Answer<unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const { data, errors } = await asked;
  if (errors) throw new Error(JSON.stringify(errors));
  return Object(Object(data)[name]);
}
