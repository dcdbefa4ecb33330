import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import type { Command, Enrollment, Job, Prisma } from '../generated/prisma/client.ts';
import type { Viewer } from '../server/model/viewer.ts';
import { batched } from './batch.ts';
import type { GraphContext } from './context.ts';

/** What a selection below an enrolment needs, as the Prisma plugin plans it. */
export interface EnrollmentQuery {
  include?: Prisma.EnrollmentInclude;
  select?: Prisma.EnrollmentSelect;
}

/**
 * What the nodes of a connection need: the plugin plans it by where they stand in the selection.
 * @param columns  what is needed of each row beside that, for its cursor
 */
export function nodesQuery(
  context: GraphContext,
  info: GraphQLResolveInfo,
  ...columns: readonly string[]
) {
  const { select, include } = queryFromInfo({ context, info, path: ['edges', 'node'] });
  if (select)
    return { select: { ...select, ...Object.fromEntries(columns.map((c) => [c, true])) } };
  return include ? { include } : {};
}

/** What a selection below a command needs, as the Prisma plugin plans it. */
export interface CommandQuery {
  include?: Prisma.CommandInclude;
  select?: Prisma.CommandSelect;
}

/** The tenant predicate for reads through Prisma. */
export function ofTenant(viewer: Viewer): { readonly tenantId?: number } {
  return viewer.tenant === null ? {} : { tenantId: viewer.tenant };
}

/** What a selection below a job needs, as the Prisma plugin plans it. */
export interface JobQuery {
  include?: Prisma.JobInclude;
  select?: Prisma.JobSelect;
}

/** A job that an answer names; null for none, and for a token without jobs:read. */
export async function findJob(
  { prisma, viewer }: GraphContext,
  id: string | null,
  query: JobQuery,
): Promise<Job | null> {
  if (id === null || !viewer.scopes.has('jobs:read')) return null;
  return prisma.job.findFirst({ ...query, where: { id, ...ofTenant(viewer) } });
}

/**
 * Keys until there are 1, 2, 4, 8 … 64 of them, by the last one again: statements of so few lengths are prepared by
 * `lookUpNames`.
 */
function rounded<K>(keys: readonly K[]): K[] {
  const [last] = keys.slice(-1);
  if (last === undefined || keys.length > 64) return [...keys];
  const length = 2 ** Math.ceil(Math.log2(keys.length));
  return Array.from({ length }, (_, at) => keys[at] ?? last);
}

/** Enrolments by their keys, as far as the viewer may see them. */
export async function findEnrollments(
  { prisma, viewer }: GraphContext,
  keys: readonly bigint[],
  query: EnrollmentQuery,
): Promise<ReadonlyMap<bigint, Enrollment>> {
  const rows = await prisma.enrollment.findMany({
    ...query,
    where: { key: { in: rounded(keys) }, ...ofTenant(viewer) },
  });
  return new Map(rows.map((row) => [row.key, row]));
}

/** Enrolments by their natural ids, as far as the viewer may see them. */
export async function findEnrollmentsById(
  { prisma, viewer }: GraphContext,
  ids: readonly string[],
  query: EnrollmentQuery,
): Promise<ReadonlyMap<string, Enrollment>> {
  const rows = await prisma.enrollment.findMany({
    ...query,
    where: { id: { in: rounded(ids) }, ...ofTenant(viewer) },
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/** The first enrolments that an answer names, in its order; none for a token without enrollments:read. */
export async function findSample(
  context: GraphContext,
  ids: readonly string[],
  query: EnrollmentQuery,
): Promise<Enrollment[]> {
  if (!context.viewer.scopes.has('enrollments:read')) return [];
  const found = await findEnrollmentsById(context, ids, query);
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** Commands by their keys, as far as the viewer may see them. */
export async function findCommands(
  { prisma, viewer }: GraphContext,
  keys: readonly bigint[],
  query: CommandQuery,
): Promise<ReadonlyMap<bigint, Command>> {
  const rows = await prisma.command.findMany({
    ...query,
    where: { key: { in: rounded(keys) }, ...ofTenant(viewer) },
  });
  return new Map(rows.map((row) => [row.key, row]));
}

const enrollmentOfLevel = batched(findEnrollments);
const commandOfLevel = batched(findCommands);

/** One enrolment, read together with those that the parents beside link to. */
export async function linkEnrollment(
  context: GraphContext,
  key: bigint | null,
  query: EnrollmentQuery,
): Promise<Enrollment | null> {
  if (key === null) return null;
  return (await enrollmentOfLevel(context, JSON.stringify(query), key, query)) ?? null;
}

/** One command, read together with those that the parents beside link to. */
export async function linkCommand(
  context: GraphContext,
  key: bigint | null,
  query: CommandQuery,
): Promise<Command | null> {
  if (key === null) return null;
  return (await commandOfLevel(context, JSON.stringify(query), key, query)) ?? null;
}
