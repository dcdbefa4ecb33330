import type { Pool } from 'pg';
import { type DatabaseShape, columnShape, indexShape } from './table-shape.ts';

/** What a database has beyond what a Prisma schema can say; each as a line of text, sorted. */
export interface BeyondPrisma {
  readonly partialIndexes: readonly string[];
  readonly includedColumns: readonly string[];
  readonly collations: readonly string[];
  readonly checks: readonly string[];
  readonly foreignKeys: readonly string[];
  readonly storageParameters: readonly string[];
  /** Views, partitions, sequences of nobody, functions, triggers, types, policies. */
  readonly otherObjects: readonly string[];
}

/** The tables of the schema `public` as PostgreSQL's own catalogue has them. */
export async function shapeOfDatabase(pool: Pool): Promise<DatabaseShape> {
  const columns = await pool.query<ColumnRow>(`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
      a.attnotnull as required, a.attidentity <> '' as identity,
      pg_get_expr(d.adbin, d.adrelid) as fallback
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    order by c.relname, a.attnum`);
  const indexes = await pool.query<IndexRow>(`
    select t.relname as table, i.relname as name, x.indisprimary as primary, x.indisunique as unique,
      am.amname as method, array(
        select pg_get_indexdef(x.indexrelid, n, true)
          || case x.indoption[n - 1] & 1 when 1 then ' desc' else '' end
        from generate_series(1, x.indnkeyatts) n
      ) as columns
    from pg_index x
    join pg_class i on i.oid = x.indexrelid
    join pg_class t on t.oid = x.indrelid
    join pg_am am on am.oid = i.relam
    where t.relnamespace = 'public'::regnamespace`);
  const tables = [...new Set(columns.rows.map(({ table }) => table))];
  return Object.fromEntries(
    tables.map((table) => [
      table,
      {
        columns: Object.fromEntries(
          columns.rows.filter((row) => row.table === table).map((row) => [row.name, ofColumn(row)]),
        ),
        indexes: Object.fromEntries(
          indexes.rows.filter((row) => row.table === table).map((row) => [row.name, ofIndex(row)]),
        ),
      },
    ]),
  );
}

/** Everything in the schema `public` that a Prisma schema has no words for. */
export async function beyondPrisma(pool: Pool): Promise<BeyondPrisma> {
  const lines = async (sql: string): Promise<readonly string[]> =>
    (await pool.query<{ line: string }>(`${sql} order by 1`)).rows.map(({ line }) => line);
  return {
    partialIndexes: await lines(`
      select format('%s where %s', i.relname, pg_get_expr(x.indpred, x.indrelid)) as line
      from pg_index x join pg_class i on i.oid = x.indexrelid
      where i.relnamespace = 'public'::regnamespace and x.indpred is not null`),
    includedColumns: await lines(`
      select format('%s include (%s)', i.relname, (
        select string_agg(pg_get_indexdef(x.indexrelid, n, true), ', ' order by n)
        from generate_series(x.indnkeyatts + 1, x.indnatts) n)) as line
      from pg_index x join pg_class i on i.oid = x.indexrelid
      where i.relnamespace = 'public'::regnamespace and x.indnatts > x.indnkeyatts`),
    collations: await lines(`
      select format('%s.%s %s', c.relname, a.attname, l.collname) as line
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
      join pg_collation l on l.oid = a.attcollation
      where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and l.collname <> 'default'`),
    checks: await lines(`
      select format('%s %s', c.relname, pg_get_constraintdef(k.oid)) as line
      from pg_constraint k join pg_class c on c.oid = k.conrelid
      where c.relnamespace = 'public'::regnamespace and k.contype in ('c', 'x', 't')`),
    foreignKeys: await lines(`
      select format('%s %s', c.relname, pg_get_constraintdef(k.oid)) as line
      from pg_constraint k join pg_class c on c.oid = k.conrelid
      where k.contype = 'f'`),
    storageParameters: await lines(`
      select format('%s %s', c.relname, array_to_string(c.reloptions, ', ')) as line
      from pg_class c where c.relnamespace = 'public'::regnamespace and c.reloptions is not null`),
    otherObjects: await lines(`
      select * from (
        select format('relation %s of kind %s', c.relname, c.relkind) as line from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind not in ('r', 'i')
          and not exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i')
        union all
        select format('function %s', proname) from pg_proc
        where pronamespace = 'public'::regnamespace
        union all
        select format('trigger %s', tgname) from pg_trigger where not tgisinternal
        union all
        select format('type %s', typname) from pg_type
        where typnamespace = 'public'::regnamespace and typtype in ('d', 'e', 'r')
        union all
        select format('policy %s', polname) from pg_policy
        union all
        select format('schema %s', nspname) from pg_namespace
        where nspname not in ('public', 'information_schema') and nspname not like 'pg\\_%'
      ) other`),
  };
}

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly identity: boolean;
  readonly fallback: string | null;
}

interface IndexRow {
  readonly table: string;
  readonly name: string;
  readonly primary: boolean;
  readonly unique: boolean;
  readonly method: string;
  readonly columns: readonly string[];
}

function ofColumn({ type, required, identity, fallback }: ColumnRow): string {
  return columnShape(type, required, identity ? 'identity' : fallback);
}

function ofIndex({ primary, unique, method, columns }: IndexRow): string {
  const plain = columns.map((column) => column.replaceAll('"', ''));
  if (primary) return indexShape('primary key', plain);
  return unique ? indexShape('unique', plain) : indexShape(`index ${method}`, plain);
}
