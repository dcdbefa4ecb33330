import { createConnection } from 'mysql2';
import { sqlItems } from './sql.ts';
import type { Source } from './source.ts';

/**
 * Opens NanoMDM's tables on MySQL or MariaDB: one read-only transaction that sees one moment; rows stream.
 * Times are kept in UTC there, whatever the sessions' zone was.
 */
export async function openMysql(dsn: string): Promise<Source> {
  const connection = createConnection({ uri: dsn, charset: 'utf8mb4' });
  const ask = (sql: string) =>
    new Promise<void>((resolve, reject) => {
      connection.query(sql, (error: Error | null) => (error ? reject(error) : resolve()));
    });
  try {
    await ask("set time_zone = '+00:00'");
    await ask('set transaction isolation level repeatable read');
    await ask('start transaction with consistent snapshot, read only');
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return {
    items: () => sqlItems((sql) => connection.query(sql).stream({ highWaterMark: 100 }), { time }),
    async close() {
      // What is still being read would have to be read to its end first.
      connection.destroy();
    },
  };
}

function time(column: string): string {
  return `date_format(${column}, '%Y-%m-%dT%H:%i:%s.%fZ')`;
}
