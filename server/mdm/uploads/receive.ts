import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import type { Viewer } from '../../model/viewer.ts';
import {
  beginUpload,
  endUpload,
  findUpload,
  storeUploadLines,
  type UploadLine,
} from '../../store/uploads/uploads.ts';
import type { MdmContext } from '../context.ts';
import { demandImportScopes } from './demand-scopes.ts';
import { isOwnUpload } from './own.ts';
import { createLineSplitter, type Line, UploadProblem } from './lines.ts';

/** A page is written when it has so many lines, or bytes. */
const page = { lines: 500, bytes: 4 * 1024 * 1024 };

/** What an upload has taken. */
export interface ReceivedUpload {
  readonly uploadId: string;
  /** Lines that are not blank. */
  readonly lines: number;
  readonly bytes: number;
}

/** Where a line's sealed bytes are bound to. */
export function uploadLinePlace(uploadId: string, line: number) {
  return { table: 'upload_line', column: 'content', row: `${uploadId}/${line}` };
}

/**
 * Takes a file line by line as it arrives: a page of lines and one unfinished line are held, whatever
 * its size. A file that does not arrive whole, or is no text, fails as a whole.
 * @param chunks  rejects when the body was cut
 * @throws {NotFoundError} UNKNOWN_UPLOAD: no such upload of this token
 * @throws {ConflictError} UPLOAD_USED: it has had its file already
 * @throws {ValidationError} UPLOAD_EXPIRED: its time is over
 * @throws {UploadProblem} what is wrong with the file; the upload has failed
 */
export async function receiveUpload(
  ctx: MdmContext,
  viewer: Viewer,
  uploadId: string,
  chunks: AsyncIterable<Buffer>,
): Promise<ReceivedUpload> {
  demandImportScopes(viewer);
  await demandOpen(ctx, viewer, uploadId);
  const splitter = createLineSplitter();
  let waiting: UploadLine[] = [];
  let waitingBytes = 0;
  let lines = 0;
  let bytes = 0;
  /** Ours, rather than the file's. */
  let storeFailed: { readonly error: unknown } | null = null;

  async function keep(): Promise<void> {
    if (waiting.length === 0) return;
    await storeUploadLines(ctx.graph, uploadId, waiting).catch((error: unknown) => {
      storeFailed = { error };
      throw error;
    });
    waiting = [];
    waitingBytes = 0;
  }

  async function add(found: readonly Line[]): Promise<void> {
    for (const { line, bytes: content } of found) {
      const sealed = ctx.keyring.seal(uploadLinePlace(uploadId, line), content);
      waiting.push({ line, content: sealed });
      waitingBytes += sealed.length;
      lines += 1;
      if (waiting.length >= page.lines || waitingBytes >= page.bytes) await keep();
    }
  }

  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      await add(splitter.push(chunk));
    }
    await add(splitter.end());
    await keep();
    if (lines === 0) throw new UploadProblem('EMPTY', 'The file has no lines.', 1);
  } catch (error) {
    const problem =
      storeFailed === null ? problemOf(error, splitter.current) : notStored(splitter.current);
    await endUpload(ctx.graph, uploadId, {
      state: 'FAILED',
      lines,
      bytes,
      problem: problem.message,
      problemLine: problem.line,
    });
    throw storeFailed === null ? problem : error;
  }
  await endUpload(ctx.graph, uploadId, {
    state: 'READY',
    lines,
    bytes,
    problem: null,
    problemLine: null,
  });
  return { uploadId, lines, bytes };
}

async function demandOpen(ctx: MdmContext, viewer: Viewer, uploadId: string): Promise<void> {
  const upload = await findUpload(ctx.graph, uploadId);
  if (upload === null || !isOwnUpload(viewer, upload)) {
    throw new NotFoundError('UNKNOWN_UPLOAD', 'This token has no upload with this id.');
  }
  if (upload.state === 'WAITING' && upload.expiresAt <= ctx.clock.now()) {
    throw new ValidationError('UPLOAD_EXPIRED', 'The time of this upload is over; create another.');
  }
  if (!(await beginUpload(ctx.graph, uploadId))) {
    throw new ConflictError(
      'UPLOAD_USED',
      'This upload has had its file already; create another for another file, or to try again.',
    );
  }
}

function notStored(line: number): UploadProblem {
  return new UploadProblem(
    'CUT_SHORT',
    `Line ${line} could not be stored; create another upload and send the file again.`,
    line,
  );
}

/** What ends the reading of a body. */
function problemOf(error: unknown, line: number): UploadProblem {
  if (error instanceof UploadProblem) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('Z_')) {
    return new UploadProblem('BAD_GZIP', `The gzip ends or breaks in line ${line}.`, line);
  }
  return new UploadProblem(
    'CUT_SHORT',
    `The file did not arrive whole: it ends in line ${line}. Create another upload and send it again.`,
    line,
  );
}
