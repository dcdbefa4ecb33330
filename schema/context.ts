import type { PrismaClient } from '../generated/prisma/client.ts';
import type { redact } from '../server/catalogue/redact.ts';
import type { LiveItems } from '../server/events/live-item.ts';
import type { AccessUseCases } from '../server/mdm/access/use-cases.ts';
import type { EnrollUseCases } from '../server/mdm/enroll/use-cases.ts';
import type { EnrollmentUseCases } from '../server/mdm/enrollments/use-cases.ts';
import type { EscrowKeyUnlockAnswer, EscrowKeyUnlockInput } from '../server/mdm/escrow/unlock.ts';
import type { EnqueueAnswer, EnqueueInput } from '../server/mdm/queue/enqueue-types.ts';
import type { ControlJobAnswer, ControlJobInput, JobAction } from '../server/mdm/jobs/control.ts';
import type { TargetsJobAnswer, TargetsJobInput } from '../server/mdm/jobs/over-targets.ts';
import type { PushCertificateUseCases } from '../server/mdm/push-certificates/use-cases.ts';
import type { ExportEnrollmentsAnswer } from '../server/mdm/export/request.ts';
import type {
  MigrateEnrollmentsAnswer,
  MigrateEnrollmentsInput,
} from '../server/mdm/migration/request.ts';
import type { CreateUploadAnswer } from '../server/mdm/uploads/create.ts';
import type { QueueUseCases } from '../server/mdm/queue/use-cases.ts';
import type { UnenrollInput, UnenrollResult } from '../server/mdm/unenroll/unenroll.ts';
import type { EventFilter } from '../server/model/events.ts';
import type { Log } from '../server/model/log.ts';
import type { SecretRead } from '../server/model/secret-read.ts';
import type { TenantId, Viewer } from '../server/model/viewer.ts';
import type { Lists } from '../server/store/read/lists.ts';

/** A property list's value, as the protocol's reader makes it. */
export type PlistValue = ReturnType<typeof redact>;

/** The live side, as the graph needs it. */
export interface EventSource {
  subscribe(options: {
    readonly tenant: TenantId | null;
    readonly filter: EventFilter;
    readonly after: string | null;
    readonly ended?: AbortSignal;
  }): LiveItems;
  /** The tail's position now: subscribing after it misses nothing that is done from now on. */
  currentCursor(): Promise<string>;
}

/** Bytes of a command or a report as the database holds them. */
export interface StoredBytes {
  readonly bytes: Uint8Array;
  readonly commandUuid: string;
}

/** Opens what is sealed at rest. */
export interface OpenSealed {
  commandBody(
    stored: StoredBytes & { readonly tenantId: TenantId; readonly sealed: boolean },
  ): Buffer;
  result(stored: StoredBytes & { readonly enrollmentId: string }): Buffer;
  checkIn(stored: { readonly bytes: Uint8Array; readonly id: string }): Buffer;
  enrollmentToken(stored: {
    readonly bytes: Uint8Array;
    readonly column: 'unlock_token' | 'bootstrap_token';
    readonly enrollmentId: string;
  }): Buffer;
}

/** The writes that the graph offers. They throw the errors of `server/model/errors.ts`. */
export interface UseCases
  extends PushCertificateUseCases,
    EnrollUseCases,
    EnrollmentUseCases,
    QueueUseCases,
    AccessUseCases {
  enqueueCommand(viewer: Viewer, input: EnqueueInput): Promise<EnqueueAnswer>;
  escrowKeyUnlock(viewer: Viewer, input: EscrowKeyUnlockInput): Promise<EscrowKeyUnlockAnswer>;
  unenroll(viewer: Viewer, input: UnenrollInput): Promise<UnenrollResult>;
  migrateEnrollments(
    viewer: Viewer,
    input: MigrateEnrollmentsInput,
  ): Promise<MigrateEnrollmentsAnswer>;
  exportEnrollments(viewer: Viewer, input: TargetsJobInput): Promise<ExportEnrollmentsAnswer>;
  createUpload(
    viewer: Viewer,
    input: { readonly idempotencyKey: string | null },
  ): Promise<CreateUploadAnswer>;
  pushEnrollments(viewer: Viewer, input: TargetsJobInput): Promise<TargetsJobAnswer>;
  controlJob(viewer: Viewer, action: JobAction, input: ControlJobInput): Promise<ControlJobAnswer>;
}

/** What is the same for every operation; made in `main.ts`. */
export interface GraphServices {
  readonly prisma: PrismaClient;
  readonly lists: Lists;
  readonly useCases: UseCases;
  readonly events: EventSource;
  readonly open: OpenSealed;
  readonly audit: {
    /** Resolves when it is on record that the viewer is shown these secrets. */
    secretsRead(viewer: Viewer, traceId: string, reads: readonly SecretRead[]): Promise<void>;
  };
  /** The server's time. */
  now(): Date;
  /** Runs something once, that many milliseconds from now. @returns takes it back */
  setTimer(ms: number, run: () => void): () => void;
  readonly plist: {
    parse(bytes: Buffer): PlistValue;
    build(value: PlistValue): Buffer;
  };
}

/** What every resolver gets. One for each operation; a subscription keeps its own as long as it runs. */
export interface GraphContext extends GraphServices {
  readonly viewer: Viewer;
  readonly traceId: string;
  readonly log: Log;
  /** Aborted, with the reason, when the operation's right to run has ended. */
  readonly ended: AbortSignal;
}
