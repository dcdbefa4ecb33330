import type { GraphQLResolveInfo } from 'graphql';
import type { Command, Enrollment, Job, Prisma, Tenant } from '../generated/prisma/client.ts';
import type { EventItem, EventPage } from '../server/events/live-item.ts';
import { beside } from '../server/model/beside.ts';
import { eventLinks } from '../server/model/event-links.ts';
import type { NumberedEvent } from '../server/model/events.ts';
import type { CheckInRow } from '../server/store/read/check-ins.ts';
import { type ResultKey, type ResultRow, resultKey } from '../server/store/read/results.ts';
import { asksFor } from './asks-for.ts';
import type { GraphContext } from './context.ts';
import {
  type CommandQuery,
  type EnrollmentQuery,
  findCommands,
  findEnrollments,
  ofTenant,
} from './load.ts';
import { reportReadAlong } from './raw.ts';

type JobQuery = Pick<Prisma.JobFindManyArgs, 'include' | 'select'>;
type TenantQuery = Pick<Prisma.TenantFindManyArgs, 'select'>;

/**
 * Loads something once for a page of events, whoever of its subscribers asks first. Kept beside the
 * page rather than in it, so that its type is known.
 */
function perPage<K, V>() {
  const pages = beside<EventPage, Map<string, Promise<ReadonlyMap<K, V>>>>();

  return (
    page: EventPage,
    name: string,
    load: () => Promise<ReadonlyMap<K, V>>,
  ): Promise<ReadonlyMap<K, V>> => {
    const loaded = pages.of(page) ?? new Map<string, Promise<ReadonlyMap<K, V>>>();
    pages.keep(page, loaded);
    const known = loaded.get(name);
    if (known) return known;
    const loading = load();
    loaded.set(name, loading);
    // The next subscriber tries again.
    loading.catch(() => loaded.delete(name));
    return loading;
  };
}

const enrollments = perPage<bigint, Enrollment>();
const commands = perPage<bigint, Command>();
const results = perPage<ResultKey, ResultRow>();
const checkIns = perPage<string, CheckInRow>();
const jobs = perPage<string, Job>();
const tenants = perPage<number, Tenant>();

/** The enrolment that an event is about, loaded for the whole page. */
export async function enrollmentOfPage(
  context: GraphContext,
  { event, page }: EventItem,
  query: EnrollmentQuery,
): Promise<Enrollment | null> {
  if (event.enrollmentKey === null) return null;
  const found = await enrollments(page, nameOf(context, query), () =>
    findEnrollments(context, keysOf(context, page, 'enrollmentKey'), query),
  );
  return found.get(event.enrollmentKey) ?? null;
}

/** The command that an event is about, loaded for the whole page. */
export async function commandOfPage(
  context: GraphContext,
  { event, page }: EventItem,
  query: CommandQuery,
): Promise<Command | null> {
  if (event.commandKey === null) return null;
  const found = await commands(page, nameOf(context, query), () =>
    findCommands(context, keysOf(context, page, 'commandKey'), query),
  );
  return found.get(event.commandKey) ?? null;
}

/** The fields of a result that are made of its report. */
const ofReport = ['raw', 'decoded', 'answer', 'errorChain'] as const;

/** The result that an event is about, loaded for the whole page; with its report, for those who want to see it. */
export async function resultOfPage(
  context: GraphContext,
  { event, page }: EventItem,
  info: GraphQLResolveInfo,
): Promise<ResultRow | null> {
  const key = resultKeyOf(event);
  if (key === null) return null;
  const withReport = ofReport.some((name) => asksFor(info, name));
  const found = await results(page, nameOf(context, { withReport }), async () => {
    const { lists, viewer } = context;
    const keys = [...new Set(visible(context, page).flatMap((one) => resultKeyOf(one) ?? []))];
    if (!withReport) return lists.resultsByKey(viewer, keys);
    const read = await lists.resultsWithReports(viewer, keys);
    for (const { row, report } of read) if (report !== null) reportReadAlong(row, report);
    return new Map(read.map(({ row }) => [resultKey(row), row]));
  });
  return found.get(key) ?? null;
}

/** The check-in that an event comes from, loaded for the whole page. */
export async function checkInOfPage(
  context: GraphContext,
  { event, page }: EventItem,
): Promise<CheckInRow | null> {
  if (event.checkInId === null) return null;
  const found = await checkIns(page, nameOf(context, null), () => {
    const ids = visible(context, page).flatMap(({ checkInId }) => checkInId ?? []);
    return context.lists.checkInsById(context.viewer, [...new Set(ids)]);
  });
  return found.get(event.checkInId) ?? null;
}

/** The job that an event comes from, loaded for the whole page. */
export async function jobOfPage(
  context: GraphContext,
  { event, page }: EventItem,
  query: JobQuery,
): Promise<Job | null> {
  if (event.jobId === null) return null;
  const { prisma, viewer } = context;
  const found = await jobs(page, nameOf(context, query), async () => {
    const ids = visible(context, page).flatMap(({ jobId }) => jobId ?? []);
    const where = { id: { in: [...new Set(ids)] }, ...ofTenant(viewer) };
    const rows = await prisma.job.findMany({ ...query, where });
    return new Map(rows.map((row) => [row.id, row]));
  });
  return found.get(event.jobId) ?? null;
}

/** The tenant that an event happened in, loaded for the whole page; null without tenants:read. */
export async function tenantOfPage(
  context: GraphContext,
  { event, page }: EventItem,
  query: TenantQuery,
): Promise<Tenant | null> {
  const { prisma, viewer } = context;
  if (!viewer.scopes.has('tenants:read')) return null;
  const found = await tenants(page, nameOf(context, query), async () => {
    const ids = visible(context, page).map(({ tenantId }) => tenantId);
    const rows = await prisma.tenant.findMany({
      ...query,
      where: { id: { in: [...new Set(ids)] } },
    });
    return new Map(rows.map((row) => [row.id, row]));
  });
  return found.get(event.tenantId) ?? null;
}

/** What was loaded for one tenant must not be handed to another. */
function nameOf({ viewer }: GraphContext, query: object | null): string {
  return JSON.stringify([viewer.tenant, query]);
}

function keysOf(
  context: GraphContext,
  page: EventPage,
  name: 'enrollmentKey' | 'commandKey',
): readonly bigint[] {
  return [...new Set(visible(context, page).flatMap((event) => event[name] ?? []))];
}

function visible({ viewer }: GraphContext, page: EventPage): readonly NumberedEvent[] {
  const { tenant } = viewer;
  return tenant === null ? page.events : page.events.filter((one) => one.tenantId === tenant);
}

function resultKeyOf(event: NumberedEvent): ResultKey | null {
  const { type, enrollmentKey, commandKey } = event;
  return eventLinks[type].includes('result') && enrollmentKey !== null && commandKey !== null
    ? resultKey({ enrollmentKey, commandKey })
    : null;
}
