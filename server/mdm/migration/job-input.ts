import { z } from 'zod';

/** The kind under which imports are jobs. */
export const migrationJobKind = 'MIGRATION';

/** What an import's row holds. */
export const migrationJobInput = z.object({
  uploadId: z.string(),
  tenantId: z.number(),
  validateOnly: z.boolean(),
});

export type MigrationJobInput = z.output<typeof migrationJobInput>;
