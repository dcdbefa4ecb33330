import type { EnrollmentOrder, EnrollmentPosition } from '../../model/enrollment-order.ts';
import type { Channels, EnrollmentFilter } from '../../model/targets.ts';
import type { Viewer } from '../../model/viewer.ts';
import {
  type CheckInPosition,
  type CheckInRow,
  checkInBytes,
  checkInPages,
  checkInsById,
} from './check-ins.ts';
import { type AuditFilter, auditPage } from './audit-entries.ts';
import type { CommandFilter } from './command-filter.ts';
import { commandPage, countCommands } from './commands.ts';
import { type CommandProgress, commandProgress } from './command-progress.ts';
import { type TargetRow, countTargets, targetPages } from './command-targets.ts';
import type { Count } from './count.ts';
import {
  type EnrollmentKey,
  type ListedEnrollment,
  countEnrollments,
  enrollmentPage,
  userChannelPages,
} from './enrollments.ts';
import {
  type DeviceCertificatePosition,
  type DeviceCertificateRow,
  deviceCertificateBytes,
  deviceCertificatePages,
  deviceCertificatesByHash,
} from './device-certificates.ts';
import { type InventoryReads, inventoryReads } from './inventory.ts';
import {
  type JobErrorRow,
  type JobFilter,
  type JobPosition,
  jobErrorPages,
  jobPage,
} from './jobs.ts';
import type { Page, Queryable, Stretch } from './keyset.ts';
import type { TimedPosition } from './timed-stretch.ts';
import { searchesInside } from './search-index.ts';
import { devicesOnTopics } from './push-certificates.ts';
import { type QueuePosition, type QueueRow, countQueues, queuePages } from './queue.ts';
import {
  type ResultKey,
  type ResultRow,
  type ResultWithReport,
  commandResultPages,
  countCommandResults,
  countEnrollmentResults,
  enrollmentResultPages,
  findResult,
  resultBytes,
  resultsByKey,
  resultsWithReports,
} from './results.ts';
import type { TargetState } from '../../model/targets.ts';
import {
  type StrayKey,
  type StrayReportRow,
  findStray,
  strayBytes,
  strayPages,
} from './stray-reports.ts';

import { type TagPosition, countTagged, tagPage, tagsOf } from './tags.ts';

type Counts = Promise<ReadonlyMap<bigint, Count>>;
type Pages<Row> = Promise<ReadonlyMap<bigint, Page<Row>>>;

/** The lists of the graph, bound to their pool. Each takes the viewer and shows only what is his. */
export interface Lists extends InventoryReads {
  enrollmentPage(
    viewer: Viewer,
    filter: EnrollmentFilter,
    order: EnrollmentOrder,
    stretch: Stretch<EnrollmentPosition>,
  ): Promise<Page<ListedEnrollment>>;
  /** Whether filters may search inside texts: the index for that is there. */
  searchesInside(): Promise<boolean>;
  countEnrollments(viewer: Viewer, filter: EnrollmentFilter, channels: Channels): Promise<Count>;
  devicesOnTopics(viewer: Viewer, topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  userChannelPages(
    viewer: Viewer,
    deviceKeys: readonly bigint[],
    stretch: Stretch<string>,
  ): Pages<EnrollmentKey>;
  queuePages(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    state: TargetState | null,
    stretch: Stretch<QueuePosition>,
  ): Pages<QueueRow>;
  countQueues(viewer: Viewer, enrollmentKeys: readonly bigint[], state: TargetState | null): Counts;
  countCommands(viewer: Viewer, filter: CommandFilter): Promise<Count>;
  countTargets(
    viewer: Viewer,
    commandKeys: readonly bigint[],
    states: readonly TargetState[] | null,
  ): Counts;
  countEnrollmentResults(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    states: readonly TargetState[] | null,
  ): Counts;
  countCommandResults(viewer: Viewer, commandKeys: readonly bigint[]): Counts;
  commandPage(
    viewer: Viewer,
    filter: CommandFilter,
    stretch: Stretch<TimedPosition>,
  ): Promise<Page<TimedPosition>>;
  auditPage(
    viewer: Viewer,
    filter: AuditFilter,
    stretch: Stretch<TimedPosition>,
  ): Promise<Page<TimedPosition>>;
  jobPage(
    viewer: Viewer,
    filter: JobFilter,
    stretch: Stretch<JobPosition>,
  ): Promise<Page<JobPosition>>;
  /** Of jobs that the viewer was shown. */
  jobErrorPages(
    jobIds: readonly string[],
    stretch: Stretch<bigint>,
  ): Promise<ReadonlyMap<string, Page<JobErrorRow>>>;
  targetPages(
    viewer: Viewer,
    commandKeys: readonly bigint[],
    states: readonly TargetState[] | null,
    stretch: Stretch<bigint>,
  ): Pages<TargetRow>;
  strayPages(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    stretch: Stretch<string>,
  ): Pages<StrayReportRow>;
  findStray(
    viewer: Viewer,
    enrollmentKey: bigint,
    commandUuid: string,
  ): Promise<StrayReportRow | null>;
  commandProgress(
    viewer: Viewer,
    keys: readonly bigint[],
  ): Promise<ReadonlyMap<bigint, CommandProgress>>;
  strayBytes(viewer: Viewer, keys: readonly StrayKey[]): Promise<ReadonlyMap<StrayKey, Buffer>>;
  enrollmentResultPages(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    states: readonly TargetState[] | null,
    stretch: Stretch<bigint>,
  ): Pages<ResultRow>;
  commandResultPages(
    viewer: Viewer,
    commandKeys: readonly bigint[],
    stretch: Stretch<bigint>,
  ): Pages<ResultRow>;
  resultsByKey(
    viewer: Viewer,
    keys: readonly ResultKey[],
  ): Promise<ReadonlyMap<ResultKey, ResultRow>>;
  resultsWithReports(
    viewer: Viewer,
    keys: readonly ResultKey[],
  ): Promise<readonly ResultWithReport[]>;
  findResult(viewer: Viewer, enrollmentId: string, commandUuid: string): Promise<ResultRow | null>;
  resultBytes(viewer: Viewer, keys: readonly ResultKey[]): Promise<ReadonlyMap<ResultKey, Buffer>>;
  checkInPages(
    viewer: Viewer,
    enrollmentKeys: readonly bigint[],
    stretch: Stretch<CheckInPosition>,
  ): Pages<CheckInRow>;
  checkInsById(viewer: Viewer, ids: readonly string[]): Promise<ReadonlyMap<string, CheckInRow>>;
  checkInBytes(viewer: Viewer, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  deviceCertificatePages(
    viewer: Viewer,
    deviceKeys: readonly bigint[],
    stretch: Stretch<DeviceCertificatePosition>,
  ): Pages<DeviceCertificateRow>;
  deviceCertificatesByHash(
    viewer: Viewer,
    hashes: readonly string[],
  ): Promise<ReadonlyMap<string, DeviceCertificateRow>>;
  deviceCertificateBytes(
    viewer: Viewer,
    hashes: readonly string[],
  ): Promise<ReadonlyMap<string, Buffer>>;
  tagPage(
    viewer: Viewer,
    prefix: string | null,
    stretch: Stretch<TagPosition>,
  ): Promise<Page<TagPosition>>;
  /** Of tags that the viewer was shown. */
  countTagged(tags: readonly TagPosition[]): Promise<ReadonlyMap<string, number>>;
  /** Of enrolments that the viewer was shown. */
  tagsOf(enrollmentKeys: readonly bigint[]): Promise<ReadonlyMap<bigint, readonly string[]>>;
}

export function createLists(db: Queryable): Lists {
  return {
    ...inventoryReads(db),
    enrollmentPage: (...args) => enrollmentPage(db, ...args),
    searchesInside: () => searchesInside(db),
    countEnrollments: (...args) => countEnrollments(db, ...args),
    devicesOnTopics: (...args) => devicesOnTopics(db, ...args),
    userChannelPages: (...args) => userChannelPages(db, ...args),
    queuePages: (...args) => queuePages(db, ...args),
    countQueues: (...args) => countQueues(db, ...args),
    countCommands: (...args) => countCommands(db, ...args),
    countTargets: (...args) => countTargets(db, ...args),
    countEnrollmentResults: (...args) => countEnrollmentResults(db, ...args),
    countCommandResults: (...args) => countCommandResults(db, ...args),
    commandPage: (...args) => commandPage(db, ...args),
    auditPage: (...args) => auditPage(db, ...args),
    jobPage: (...args) => jobPage(db, ...args),
    jobErrorPages: (...args) => jobErrorPages(db, ...args),
    targetPages: (...args) => targetPages(db, ...args),
    strayPages: (...args) => strayPages(db, ...args),
    findStray: (...args) => findStray(db, ...args),
    commandProgress: (...args) => commandProgress(db, ...args),
    strayBytes: (...args) => strayBytes(db, ...args),
    enrollmentResultPages: (...args) => enrollmentResultPages(db, ...args),
    commandResultPages: (...args) => commandResultPages(db, ...args),
    resultsByKey: (...args) => resultsByKey(db, ...args),
    resultsWithReports: (...args) => resultsWithReports(db, ...args),
    findResult: (...args) => findResult(db, ...args),
    resultBytes: (...args) => resultBytes(db, ...args),
    checkInPages: (...args) => checkInPages(db, ...args),
    checkInsById: (...args) => checkInsById(db, ...args),
    checkInBytes: (...args) => checkInBytes(db, ...args),
    deviceCertificatePages: (...args) => deviceCertificatePages(db, ...args),
    deviceCertificatesByHash: (...args) => deviceCertificatesByHash(db, ...args),
    deviceCertificateBytes: (...args) => deviceCertificateBytes(db, ...args),
    tagPage: (...args) => tagPage(db, ...args),
    countTagged: (...args) => countTagged(db, ...args),
    tagsOf: (...args) => tagsOf(db, ...args),
  };
}
