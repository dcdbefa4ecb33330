import type { Platform, Platforms, Support } from './definition.ts';

/**
 * What a support table says of one platform.
 * @param tables  from the outermost (the command's) to the innermost (the key's): each inner one
 *                only says what differs
 * @returns null when the platform does not know the thing at all
 */
export function supportOn(
  platform: Platform,
  ...tables: readonly (Platforms | undefined)[]
): Support | null {
  const said = tables.map((table) => table?.[platform]).filter((entry) => entry !== undefined);
  if (said.length === 0 || said.includes(null)) return null;
  const parts = said.map((entry) => (typeof entry === 'string' ? { introduced: entry } : entry));
  return parts.reduce<Support>((all, part) => ({ ...all, ...part }), {});
}
