import { graphql } from '../../../generated/gql/gql.ts';
import type { Call } from '../command.ts';
import type { MigrationRecord, Source } from '../nanomdm/source.ts';
import { type Fact, factsIn } from './facts.ts';
import { exportLines, makeExport } from './fetch-export.ts';
import { openScratch, type Partitions } from './partitions.ts';
import type { Report } from './report.ts';

const pushCertificates = graphql(`
  query CliPushCertificateHashes($after: String) {
    pushCertificates(first: 100, after: $after) {
      edges {
        node {
          sha256
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export interface Compared {
  readonly same: number;
  readonly different: number;
  /** The device has told this server since. */
  readonly newer: number;
}

type Row = Pick<Fact, 'value' | 'at'>;

/**
 * Compares all that a source has with what the server exports, thing by thing: messages, tokens,
 * certificates, tallies, times, queues and their order, the bytes of commands and results. What only the
 * server has is no difference. Secrets are compared by digests; none is written to disk.
 */
export async function verify(
  call: Pick<Call, 'io' | 'out' | 'connect' | 'server'>,
  source: Source,
  report: Report,
): Promise<Compared> {
  const scratch = await openScratch();
  try {
    const there = scratch.partitions<Row>('there');
    const here = scratch.partitions<Row>('here');
    await keep(there, factsIn(recordsOf(source)));
    const { url } = await makeExport(call, { all: true });
    await keep(here, factsIn(recordsIn(exportLines(call, url))));
    for await (const { sha256: id } of call.connect().list(pushCertificates, { after: null })) {
      await here.add(keyOf({ kind: 'pushCertificate', id, of: '' }), { value: '', at: null });
    }
    await there.close();
    await here.close();
    const total = { same: 0, different: 0, newer: 0 };
    for (let number = 0; number < scratch.parts; number++) {
      await comparePart(there, here, number, total, report);
      call.io.interrupted.throwIfAborted();
    }
    return total;
  } finally {
    await scratch.remove();
  }
}

async function comparePart(
  there: Partitions<Row>,
  here: Partitions<Row>,
  number: number,
  total: { same: number; different: number; newer: number },
  report: Report,
): Promise<void> {
  const found = new Map<string, Row>();
  for await (const [key, row] of here.part(number)) found.set(key, row);
  for await (const [key, row] of there.part(number)) {
    const other = found.get(key);
    if (other?.value === row.value) {
      total.same += 1;
      continue;
    }
    if (other && row.at !== null && other.at !== null && other.at > row.at) {
      total.newer += 1;
      continue;
    }
    total.different += 1;
    const [kind = '', id = '', of = ''] = key.split('\0');
    const name = of === '' ? '' : ` of ${of}`;
    await report.tell({
      what: 'different',
      kind,
      id,
      code: other ? 'DIFFERENT' : 'MISSING',
      message: other ? `The ${kind}${name} is another here.` : `The ${kind}${name} is not here.`,
    });
  }
}

async function keep(into: Partitions<Row>, facts: AsyncIterable<Fact>): Promise<void> {
  for await (const fact of facts) await into.add(keyOf(fact), { value: fact.value, at: fact.at });
}

function keyOf({ kind, id, of }: Pick<Fact, 'kind' | 'id' | 'of'>): string {
  return [kind, id, of].join('\0');
}

async function* recordsOf(source: Source): AsyncGenerator<MigrationRecord> {
  for await (const item of source.items()) if ('record' in item) yield item.record;
}

async function* recordsIn(lines: AsyncIterable<string>): AsyncGenerator<MigrationRecord> {
  for await (const line of lines) yield JSON.parse(line) as MigrationRecord;
}
