import type { Pool } from 'pg';

/**
 * Writes many devices of tenant 1, D-0000001 and on, without their certificates: a few are disabled, wait
 * in Setup Assistant, or have a rare topic or model; each hundredth has the tag `hundredth`.
 */
export async function insertManyDevices(pool: Pool, size: number, from = 1): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('set statement_timeout = 0');
    for (let first = from; first < from + size; first += 100_000) {
      const last = Math.min(first + 100_000, from + size) - 1;
      await client.query({ text: fill, values: [first, last], ...patience });
      await client.query({ text: hours, values: [first, last], ...patience });
    }
    await client.query({ text: 'vacuum analyze enrollment', ...patience });
    await client.query({ text: 'vacuum analyze enrollment_seen_hour', ...patience });
    await client.query({ text: 'vacuum analyze enrollment_tag', ...patience });
  } finally {
    client.release(true);
  }
}

const patience = { query_timeout: 600_000 };

const fill = `
with made as (
  insert into enrollment (id, tenant_id, kind, enabled, serial_number, device_name, model, os_version,
    topic, awaiting_configuration, enrolled_at, created_at, cert_not_after)
  select 'D-' || lpad(n::text, 7, '0'), 1, 'DEVICE', n % 500 <> 0, 'SN' || lpad(n::text, 7, '0'),
    'Device ' || md5(n::text), case when n % 700 = 0 then 'Few' else 'Many' end,
    case when n % 50 = 0 then null else (12 + n % 4) || '.' || n % 7 end,
    case when n % 600 = 0 then 'com.example.few' else 'com.example.many' end, n % 800 = 0,
    case when n % 40 <> 0 then timestamptz '2026-01-01Z' + n % 9000 * interval '1 hour' end,
    timestamptz '2026-01-01Z' + n * interval '1 second',
    case when n % 30 <> 0 then timestamptz '2026-01-01Z' + n % 5000 * interval '3 hours' end
  from generate_series($1::int, $2::int) n
  returning tenant_id, id, key
)
insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
select tenant_id, 'hundredth', id, key from made where right(id, 2) = '00'`;

const hours = `
update enrollment_seen_hour h
set hour = extract(epoch from timestamptz '2026-01-01Z')::int / 3600 + right(e.id, 7)::int % 8000
from enrollment e
where e.key = h.enrollment_key and right(e.id, 7)::int % 60 <> 0
  and e.id between 'D-' || lpad($1::int::text, 7, '0') and 'D-' || lpad($2::int::text, 7, '0')`;
