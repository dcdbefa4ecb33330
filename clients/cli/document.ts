import type { TypedDocument } from '../sdk/document.ts';

/** Type of what a document or fragment selects. */
export type DataOf<Document extends TypedDocument<unknown, never>> = ReturnType<
  NonNullable<Document['__apiType']>
>;
