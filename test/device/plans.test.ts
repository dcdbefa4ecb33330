import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticateTextOfMany } from '../../server/store/check-ins/authenticate-new.ts';
import { tokenUpdateTextOfMany } from '../../server/store/check-ins/update-token.ts';
import { idleTextOfMany } from '../../server/store/hot/idle.ts';
import { reportTextOfMany } from '../../server/store/hot/report-sql.ts';
import { aCommand } from '../build/commands.ts';
import { enqueue } from '../build/enqueue.ts';
import { databaseLanes } from '../harness/database.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { recordHotStatements } from './statements.ts';

// 100,000 devices with ten commands of which nine are history, and one device with a deep queue.
const fill = `
insert into enrollment (id, kind, enabled, cert_hash)
select 'device ' || n, 'DEVICE', true, sha256(n::text::bytea) from generate_series(1, 100000) n;
insert into command (uuid, request_type, body, body_fingerprint, targets_sha256, created_by)
select 'command ' || n, 'ProfileList', '<plist/>', '', '', 'test' from generate_series(1, 3000) n;
insert into queue_entry (enrollment_key, urgency, command_key)
select e.key, 0, c.key from enrollment e, command c where c.uuid = 'command 1';
insert into queue_entry (enrollment_key, urgency, command_key)
select e.key, 0, c.key from enrollment e, command c where e.id = 'device 1' and c.uuid <> 'command 1'
on conflict do nothing;
insert into command_result (enrollment_key, command_key, ended, queued_at)
select e.key, c.key, 'ANSWERED', now() from enrollment e, command c
where c.uuid in ('command 2', 'command 3', 'command 4') and e.id <> 'device 1'`;

/** What it may take on a busy machine, in milliseconds. */
const patience = { query_timeout: 600_000 };

/** A node of a plan, as EXPLAIN writes it. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Recheck Cond'?: string;
  readonly Plans?: readonly PlanNode[];
}

describe.each(databaseLanes())('the statements of the hot path, on the %s database', (lane) => {
  const statements = new Map<string, string>();
  let server: TestServer;

  beforeAll(async () => {
    const recorded = recordHotStatements();
    server = await startServer({ lane });
    const device = await server.device(0);
    await device.enrol();
    await enqueue(server, [device.enrollmentId], aCommand('A'));
    await device.channel.poll();
    await device.channel.report('A', { status: 'NotNow' });
    await device.channel.report('A', { status: 'Acknowledged' });
    for (const { name, text } of recorded.take()) if (name !== null) statements.set(name, text);
    recorded.stop();
    statements.set('idle-together', idleTextOfMany);
    statements.set('report-together', reportTextOfMany);
    statements.set('authenticate-together', authenticateTextOfMany);
    statements.set('token-update-together', tokenUpdateTextOfMany);
  });
  afterAll(() => server.stop());

  /** The nodes of a statement's generic plan, made with what a connection of the hot pool sets. */
  async function nodesOf(name: string): Promise<readonly PlanNode[]> {
    const text = statements.get(name) ?? '';
    const parameters = Math.max(
      ...[...text.matchAll(/\$(\d+)/g)].map(([, digits]) => Number(digits)),
    );
    const client = await server.store.database.hot.connect();
    try {
      await client.query(`prepare probe as ${text}`);
      const nulls = Array(parameters).fill('null').join(', ');
      const { rows } = await client.query<{
        'QUERY PLAN': readonly { readonly Plan: PlanNode }[];
      }>(`explain (format json) execute probe(${nulls})`);
      const root = rows[0]?.['QUERY PLAN'][0]?.Plan;
      return root === undefined ? [] : flatten(root);
    } finally {
      await client.query('deallocate all');
      client.release(true);
    }
  }

  async function expectProbesOnly(): Promise<void> {
    for (const name of ['idle', 'idle-together', 'report', 'report-together', 'not-now']) {
      const nodes = await nodesOf(name);
      const kinds = nodes.map((node) => node['Node Type']);
      // The reports of one statement are put in order, which are few whatever the tables hold.
      const sorts = name === 'report-together' ? ['Sort'] : [];
      expect(
        kinds.filter((kind) => /Seq Scan|Sort|Hash|Merge/.test(kind)),
        name,
      ).toEqual(sorts);
      const reads = nodes.filter((node) => node['Node Type'].includes('Scan') && isTable(node));
      expect(reads.length, name).toBeGreaterThanOrEqual(3);
      // A scan of a whole index would be no better than one of the table.
      const whole = reads.filter((node) => !(node['Index Cond'] ?? node['Recheck Cond']));
      expect(whole, name).toEqual([]);
    }
  }

  /** Devices are found by one page of the hash index: the other one is four levels deep with a million. */
  async function expectHashedIds(): Promise<void> {
    for (const name of ['idle', 'idle-together', 'report', 'report-together']) {
      const nodes = await nodesOf(name);
      const used = nodes.filter((node) => node['Index Name']?.startsWith('enrollment_id'));
      expect(
        used.map((node) => node['Index Name']),
        name,
      ).toEqual(['enrollment_id_idx']);
    }
  }

  /** Those that enrol put in order what came together; a table is read by probes of its indexes. */
  async function expectNoWholeTable(): Promise<void> {
    for (const [name, text] of statements) {
      if (!/^(?:authenticate|token-update)/.test(name)) continue;
      const nodes = await nodesOf(name);
      const reads = nodes.filter((node) => node['Node Type'].includes('Scan') && isTable(node));
      const whole = reads.filter((node) => !(node['Index Cond'] ?? node['Recheck Cond']));
      expect(text.length > 0 && reads.length > 0, name).toBe(true);
      expect(whole, name).toEqual([]);
    }
  }

  it('probe indexes only, right after the tables were made', async () => {
    await expectProbesOnly();
    await expectNoWholeTable();
  });

  it('probe indexes only, for 100,000 enrolments', async () => {
    const text = `set statement_timeout = 0; ${fill}`;
    await server.store.database.graph.query({ text, ...patience });
    await expectProbesOnly();
    await expectNoWholeTable();
    await server.store.database.graph.query('analyze');
    await expectProbesOnly();
    await expectHashedIds();
    await expectNoWholeTable();
  });
});

function flatten(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

function isTable(node: PlanNode): boolean {
  return node['Relation Name'] !== undefined;
}
