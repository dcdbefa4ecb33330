/** What an operator may switch. */
export interface GraphqlSettings {
  /** Whether browsers get GraphiQL. */
  readonly graphiql: boolean;
  /** Whether the schema may be asked for. */
  readonly introspection: boolean;
  /** Longest request body and WebSocket message, in bytes. */
  readonly bodyLimit: number;
}
