import type { ClientBase } from 'pg';

/** A table as it is copied. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Columns of the primary key; all of them when there is none. Rows are read in this order. */
  readonly order: readonly string[];
  /** The sequence of its identity column, if it has one. */
  readonly sequence: string | null;
}

interface Column {
  readonly name: string;
  /** As SQL writes it. */
  readonly type: string;
}

interface Row {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[] | null;
  readonly sequence: string | null;
  /** Tables that must be filled before. */
  readonly needs: readonly string[] | null;
}

/**
 * Every table of ours but the record of migrations, in an order in which they can be filled: what a
 * foreign key points to comes first. Partitions are part of their table.
 */
export async function readTables(client: ClientBase): Promise<readonly Table[]> {
  const { rows } = await client.query<Row>(`
select c.relname as name,
  (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
     order by a.attnum)
   from pg_attribute a
   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
  (select json_agg(a.attname order by array_position(i.indkey::int2[], a.attnum))
   from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
   where i.indrelid = c.oid and i.indisprimary) as key,
  (select pg_get_serial_sequence(quote_ident(c.relname), a.attname)
   from pg_attribute a where a.attrelid = c.oid and a.attidentity <> '' limit 1) as sequence,
  (select json_agg(distinct f.relname) from pg_constraint k join pg_class f on f.oid = k.confrelid
   where k.conrelid = c.oid and k.contype = 'f' and f.oid <> c.oid) as needs
from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
  and not c.relispartition and c.relname <> '_prisma_migrations'
order by c.relname collate "C"`);
  return inOrder(rows).map(({ name, columns, key, sequence }) => ({
    name,
    columns,
    order: key ?? columns.map((one) => one.name),
    sequence,
  }));
}

function inOrder(rows: readonly Row[]): readonly Row[] {
  const placed: Row[] = [];
  const left = new Set(rows);
  while (left.size > 0) {
    const next = [...left].find(({ needs }) =>
      (needs ?? []).every((need) => placed.some(({ name }) => name === need)),
    );
    if (next === undefined) throw new Error('the tables’ foreign keys form a circle');
    placed.push(next);
    left.delete(next);
  }
  return placed;
}
