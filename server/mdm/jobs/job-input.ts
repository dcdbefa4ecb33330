import type { z } from 'zod';
import { JobFailed } from '../../store/jobs/jobs.ts';

/**
 * What a job is to do, as its row has it.
 * @throws {JobFailed} another version of the server has written it, and this one does not know all that it says
 */
export function readJobInput<Shape extends z.ZodType>(
  shape: Shape,
  input: unknown,
): z.output<Shape> {
  const read = shape.safeParse(input);
  if (read.success) return read.data;
  throw new JobFailed(
    'INPUT_NOT_UNDERSTOOD',
    'Another version of the server was asked for this, and this one does not know all that was said, so ' +
      'it has done nothing of it. Ask again when all servers have the same version.',
  );
}
