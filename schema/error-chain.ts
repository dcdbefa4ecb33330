import type { PlistValue } from './context.ts';

/** An item of a report's ErrorChain. Devices leave out what they like. */
export interface ErrorChainItem {
  readonly errorCode: number | null;
  readonly errorDomain: string | null;
  readonly localizedDescription: string | null;
  readonly usEnglishDescription: string | null;
}

/**
 * The ErrorChain of a decoded report (Apple: "Handling NotNow and errors", ErrorChainItem).
 * @returns null when the report holds none
 */
export function errorChainOf(report: PlistValue | null): readonly ErrorChainItem[] | null {
  const chain = member(report, 'ErrorChain');
  if (!Array.isArray(chain)) return null;
  return chain.map((item: unknown) => {
    const code = member(item, 'ErrorCode');
    // GraphQL's Int has 32 bits; Apple's codes fit, whatever else is sent does not matter.
    const isInt = typeof code === 'number' && (code | 0) === code;
    return {
      errorCode: isInt ? code : null,
      errorDomain: text(item, 'ErrorDomain'),
      localizedDescription: text(item, 'LocalizedDescription'),
      usEnglishDescription: text(item, 'USEnglishDescription'),
    };
  });
}

function text(value: unknown, key: string): string | null {
  const found = member(value, key);
  return typeof found === 'string' ? found : null;
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}
