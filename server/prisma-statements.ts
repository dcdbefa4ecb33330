import { createHash } from 'node:crypto';
import type { PrismaPg } from '@prisma/adapter-pg';

type Options = NonNullable<ConstructorParameters<typeof PrismaPg>[1]>;
type Statement = Parameters<NonNullable<Options['statementNameGenerator']>>[0];

/** Each takes some kilobytes of every connection's memory on the server. */
const most = 200;

/** Rows of one table by their keys, without order or end. */
const lookUp =
  /^SELECT [^()]* FROM "public"\."\w+" WHERE \(?"public"\."\w+"\."(?:key|id)" IN \([$\d,]+\)(?: AND "public"\."\w+"\."tenant_id" = \$\d+\))? OFFSET \$\d+$/;

/**
 * Names look-ups by key, so that PostgreSQL parses and plans each of them once for a connection: live answers
 * make the same few all the time, and their plan is the same whatever the keys are. All other statements stay
 * without a name: lists are planned best for the values that are asked for.
 * @returns the name of a statement; empty: none
 */
export function lookUpNames(): (statement: Pick<Statement, 'sql'>) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= most || !lookUp.test(sql)) return '';
    const name = `prisma-${createHash('sha256').update(sql).digest('base64url').slice(0, 22)}`;
    names.set(sql, name);
    return name;
  };
}
