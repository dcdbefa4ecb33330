/**
 * A property list's value as JSON that keeps its types; see the description of the scalar `PlistJSON`.
 * Its depth is the plist reader's limit, so recursion is safe.
 */
export function plistToJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') {
    return Number.isFinite(value) ? value : { $real: String(value).toLowerCase() };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return { $date: value.toISOString() };
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $data: bytes.toString('base64') };
  }
  if (Array.isArray(value)) return value.map(plistToJson);
  const json: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) {
    json[key.startsWith('$') ? `$${key}` : key] = plistToJson(inner);
  }
  return json;
}

/** The value that `plistToJson` made JSON of; an integer beyond 2^53 stays the text of its digits. */
export function jsonToPlist(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(jsonToPlist);
  const entries = Object.entries(json);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined && typeof first[1] === 'string') {
    const [key, text] = first;
    if (key === '$date') return new Date(text);
    if (key === '$data') return Buffer.from(text, 'base64');
    if (key === '$real') return text === 'nan' ? Number.NaN : Number(text.replace('inf', 'Inf'));
  }
  const value: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of entries) {
    value[key.startsWith('$$') ? key.slice(1) : key] = jsonToPlist(inner);
  }
  return value;
}
