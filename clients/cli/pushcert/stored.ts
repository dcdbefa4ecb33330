import type { Flags } from '../command.ts';
import { shape } from '../output/fields.ts';

interface Row {
  readonly topic: string;
  readonly version: number;
}

/** A push certificate that was stored. */
export const storedShape = shape(
  {
    topic: { what: 'its topic', of: ({ topic }: Row) => topic },
    version: { what: 'how often one was uploaded for it', of: ({ version }: Row) => version },
  },
  [],
);

/** What is said of a certificate that is stored. */
export const storeFlags = {
  renews: {
    type: 'text',
    value: 'TOPIC',
    what: 'the topic that it has to renew; say it when you renew',
  },
  'new-topic': {
    type: 'switch',
    what: 'take a topic that no device is enrolled on, while devices are on others',
  },
  force: { type: 'switch', what: 'take it though it has expired' },
} as const satisfies Flags;
