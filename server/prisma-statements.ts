import { createHash } from 'node:crypto';
import type { PrismaPg } from '@prisma/adapter-pg';

type Options = NonNullable<ConstructorParameters<typeof PrismaPg>[1]>;
type Statement = Parameters<NonNullable<Options['statementNameGenerator']>>[0];

/** Each takes some kilobytes of the memory that PostgreSQL has for a connection; 30 KB with 64 keys. */
const most = 200;
/** What is asked for once, as somebody looks around in GraphiQL, is not worth one. */
const enough = 8;
/** Statements that are counted until then. */
const mostCounted = 1000;

/** Rows of one table by 64 keys at most, without order or end. */
const lookUp =
  /^SELECT [^()]* FROM "public"\."\w+" WHERE \(?"public"\."\w+"\."(?:key|id)" IN \((?:\$\d+,?){1,64}\)(?: AND "public"\."\w+"\."tenant_id" = \$\d+\))? OFFSET \$\d+$/;

/**
 * Names look-ups by key, so that PostgreSQL parses and plans each of them once for a connection: live answers
 * make the same few all the time, and their plan is the same whatever the keys are. All other statements stay
 * without a name: lists are planned best for the values that are asked for.
 * @returns the name of a statement; empty: none
 */
export function lookUpNames(): (statement: Pick<Statement, 'sql'>) => string {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= most || !lookUp.test(sql)) return '';
    const count = (counts.get(sql) ?? 0) + 1;
    if (counts.size >= mostCounted) counts.clear();
    counts.set(sql, count);
    if (count < enough) return '';
    counts.delete(sql);
    const name = `prisma-${createHash('sha256').update(sql).digest('base64url').slice(0, 22)}`;
    names.set(sql, name);
    return name;
  };
}
