/** What a mutation is sent with. */
export interface Keyed {
  readonly variables: Readonly<Record<string, unknown>>;
  /** Whether it can be sent again without being done twice. */
  readonly isKeyed: boolean;
}

/**
 * Gives a mutation idempotency keys, where the caller gave none: to each `input: $variable`, and to each
 * `idempotencyKey: $variable`. An input that is written out in the document and names no key has none.
 */
export function withKeys(text: string, variables: Readonly<Record<string, unknown>>): Keyed {
  const keyed: Record<string, unknown> = { ...variables };
  let found = 0;
  for (const [, name = ''] of text.matchAll(/\bidempotencyKey\s*:\s*\$(\w+)/g)) {
    keyed[name] ??= newKey();
    found += 1;
  }
  for (const [, name = ''] of text.matchAll(/\binput\s*:\s*\$(\w+)/g)) {
    const input = keyed[name];
    if (!isObject(input)) continue;
    keyed[name] = { ...input, idempotencyKey: input['idempotencyKey'] ?? newKey() };
    found += 1;
  }
  return { variables: keyed, isKeyed: found > 0 && found === mutationsIn(text) };
}

/** 32 hexadecimal digits. `randomUUID` is not there in browsers on plain HTTP. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Each mutation takes one `input`. */
function mutationsIn(text: string): number {
  return [...text.matchAll(/\(\s*input\s*:/g)].length;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
