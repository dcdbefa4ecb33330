import { shape } from '../output/fields.ts';

interface Work {
  readonly count: number;
  readonly job: { readonly jobId: string } | null;
  readonly replayed: boolean;
  readonly cursor: string;
}

/** What has become of entries of queues. */
export const queueWorkShape = shape(
  {
    count: { what: 'how many entries', of: ({ count }: Work) => count },
    job: {
      what: 'the job that does it, if they are many: `jobs watch`',
      of: ({ job }: Work) => job?.jobId ?? null,
    },
    replayed: { what: 'whether it had been done before', of: ({ replayed }: Work) => replayed },
    cursor: { what: 'position from before, for --after', of: ({ cursor }: Work) => cursor },
  },
  [],
);
