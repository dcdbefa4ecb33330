import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseLanes, type TestDatabase, testDatabase } from '../harness/database.ts';
import { beyondPrisma, shapeOfDatabase } from './database-shape.ts';
import { shapeOfPrismaSchema } from './prisma-schema.ts';
import type { DatabaseShape } from './table-shape.ts';

/**
 * Indexes that Prisma's schema cannot name, because they are partial. The database has them, the schema
 * is silent. Their conditions are below.
 */
const partial: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  command: {
    command_list_created_at_idx: 'index btree (tenant_id, created_at, key)',
  },
  command_result: {
    command_result_unhappy_idx: 'index btree (command_key, ended, enrollment_key)',
  },
  device_certificate: {
    device_certificate_ending_idx: 'index btree (not_after)',
    device_certificate_migrated_at_idx: 'index btree (migrated_at)',
  },
  enrollment: {
    enrollment_device_key_idx: 'index btree (device_key)',
    enrollment_list_awaiting_idx: 'index btree (tenant_id, id)',
    enrollment_list_cert_not_after_idx:
      'index btree (tenant_id, COALESCE(cert_not_after, to_timestamp(0::double precision)), key)',
    enrollment_list_created_at_idx: 'index btree (tenant_id, created_at, key)',
    enrollment_list_device_name_idx:
      "index btree (tenant_id, COALESCE(lower(left(device_name, 100) COLLATE C), ''::text), key)",
    enrollment_list_enabled_idx: 'index btree (tenant_id, enabled, id)',
    enrollment_list_enrolled_at_idx:
      'index btree (tenant_id, COALESCE(enrolled_at, to_timestamp(0::double precision)), key)',
    enrollment_list_model_idx: 'index btree (tenant_id, left(model, 100), id)',
    enrollment_list_os_version_idx:
      "index btree (tenant_id, COALESCE(substring(os_version, '^(\\d{1,4})(?!\\d)'::text)::bigint * 100000000 + COALESCE(substring(os_version, '^\\d+\\.(\\d{1,4})(?!\\d)'::text)::bigint, 0::bigint) * 10000 + COALESCE(substring(os_version, '^\\d+\\.\\d+\\.(\\d{1,4})(?!\\d)'::text)::bigint, 0::bigint), '-1'::integer::bigint), key)",
    enrollment_list_serial_number_idx:
      "index btree (tenant_id, COALESCE(left(serial_number, 100), ''::text), key)",
    enrollment_list_topic_idx: 'index btree (tenant_id, left(topic, 100), id)',
    enrollment_serial_number_idx: 'index btree (serial_number)',
  },
  enrollment_seen_hour: {
    enrollment_seen_hour_list_idx: 'index btree (tenant_id, hour, enrollment_key)',
  },
  enrollment_invitation: {
    enrollment_invitation_enrollment_key_idx: 'index btree (enrollment_key)',
    enrollment_invitation_list_all_idx: 'index btree (key)',
    enrollment_invitation_list_idx: 'index btree (tenant_id, key)',
  },
  event: {
    event_seq_key: 'unique (seq)',
    event_unnumbered_idx: 'index btree (id)',
  },
  issued_certificate: {
    issued_certificate_invitation_id_idx: 'index btree (invitation_id)',
    issued_certificate_purpose_sha256_key: 'unique (purpose_sha256)',
    issued_certificate_revoked_at_idx: 'index btree (revoked_at)',
  },
  job: {
    job_unfinished_idx: 'index btree (created_at)',
  },
  push_state: {
    push_state_retry_at_idx: 'index btree (retry_at)',
  },
  queue_entry: {
    queue_entry_expires_at_idx: 'index btree (expires_at)',
    queue_entry_not_now_idx: 'index btree (command_key, enrollment_key)',
  },
};

/** All else that the migrations make and Prisma's schema has no words for. */
const beyond = {
  partialIndexes: [
    "command_list_created_at_idx where (created_at > '-infinity'::timestamp with time zone)",
    "command_result_unhappy_idx where ((ended <> 'ANSWERED'::text) OR (status <> 'Acknowledged'::text))",
    'device_certificate_ending_idx where ((current_at IS NOT NULL) AND (retired_at IS NULL))',
    'device_certificate_migrated_at_idx where ((migrated_at IS NOT NULL) AND (retired_at IS NULL))',
    'enrollment_device_key_idx where (device_key IS NOT NULL)',
    'enrollment_invitation_enrollment_key_idx where (enrollment_key IS NOT NULL)',
    'enrollment_invitation_list_all_idx where (enrollment_key IS NULL)',
    'enrollment_invitation_list_idx where (enrollment_key IS NULL)',
    'enrollment_list_awaiting_idx where ((device_key IS NULL) AND (awaiting_configuration IS TRUE))',
    'enrollment_list_cert_not_after_idx where (device_key IS NULL)',
    'enrollment_list_created_at_idx where (device_key IS NULL)',
    'enrollment_list_device_name_idx where (device_key IS NULL)',
    'enrollment_list_enabled_idx where (device_key IS NULL)',
    'enrollment_list_enrolled_at_idx where (device_key IS NULL)',
    'enrollment_list_model_idx where (device_key IS NULL)',
    'enrollment_list_os_version_idx where (device_key IS NULL)',
    'enrollment_list_serial_number_idx where (device_key IS NULL)',
    'enrollment_list_topic_idx where (device_key IS NULL)',
    'enrollment_seen_hour_list_idx where device',
    'enrollment_serial_number_idx where (serial_number IS NOT NULL)',
    'event_seq_key where (seq IS NOT NULL)',
    'event_unnumbered_idx where (seq IS NULL)',
    'issued_certificate_invitation_id_idx where (invitation_id IS NOT NULL)',
    'issued_certificate_purpose_sha256_key where standing',
    'issued_certificate_revoked_at_idx where (revoked_at IS NOT NULL)',
    "job_unfinished_idx where (state = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]))",
    'push_state_retry_at_idx where (retry_at IS NOT NULL)',
    'queue_entry_expires_at_idx where (expires_at IS NOT NULL)',
    'queue_entry_not_now_idx where (not_now_at IS NOT NULL)',
  ],
  includedColumns: [],
  // Ids that keyset lists order by.
  collations: [
    'challenge_use.challenge C',
    'challenge_use.transaction_id C',
    'command.uuid C',
    'enrollment.id C',
    'enrollment.serial_number C',
    'enrollment_tag.enrollment_id C',
    'enrollment_tag.tag C',
    'inventory_section.section C',
    'issued_certificate.serial C',
    'issued_certificate.transaction_id C',
    'migration_record.name C',
    'migration_record.place C',
    'projection_failure.projection C',
    'projection_lane.projection C',
    'push_certificate.topic C',
    'stray_report.command_uuid C',
  ],
  // One row and no second.
  checks: ['event_stream CHECK (one)'],
  // The schema's relations are for reading. A foreign key on queue, history or events would make bulk
  // enqueue several times slower and have every finish lock the shared command row.
  foreignKeys: [],
  // Room in each page for the next version of rows that change all the time.
  storageParameters: [
    'command_count fillfactor=50',
    'device_inventory fillfactor=80',
    'enrollment_idle fillfactor=50',
    'enrollment_seen fillfactor=50',
    'event autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=10000',
    'event_stream fillfactor=10',
    'projection_lane fillfactor=50',
    'push_state fillfactor=50',
  ],
  // Whoever makes an enrolment makes its row among the hours, and whoever moves it moves its copies.
  otherObjects: [
    'function enrollment_made',
    'function enrollment_moved',
    'trigger enrollment_made',
    'trigger enrollment_moved',
  ],
};

/** Made by `migrate` itself in Prisma's layout. */
const recordTable = '_prisma_migrations';

const schema = shapeOfPrismaSchema(
  readFileSync(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8'),
);

describe.each(databaseLanes())('a migrated database (%s)', (lane) => {
  let store: TestDatabase;
  let found: DatabaseShape;
  beforeAll(async () => {
    store = await testDatabase(lane);
    found = await shapeOfDatabase(store.database.graph);
  });
  afterAll(() => store.drop());

  it('has the tables of schema.prisma and no other', () => {
    expect(Object.keys(found).sort()).toEqual([...Object.keys(schema), recordTable].sort());
  });

  it.each(Object.keys(schema))('has the columns, keys and indexes of %s', (table) => {
    const { columns = {}, indexes = {} } = schema[table] ?? {};
    expect(found[table]).toEqual({ columns, indexes: { ...indexes, ...partial[table] } });
  });

  it('has nothing else that Prisma cannot say but what is listed here', async () => {
    expect(await beyondPrisma(store.database.graph)).toEqual(beyond);
  });

  it('differs as soon as something is changed by hand', async () => {
    const { graph } = store.database;
    await graph.query(`
      alter table tenant alter column name drop not null, alter column created_at drop default,
        add column note text;
      alter table lease alter column holder type varchar(10);
      drop index api_token_sha256_key;
      create index lease_until_idx on lease (until desc);
      create table stranger (id int references tenant);
      create view strange as select 1 as one`);
    const changed = await shapeOfDatabase(graph);
    expect(changed['tenant']?.columns).toMatchObject({
      name: 'text',
      created_at: 'timestamp(6) with time zone not null',
      note: 'text',
    });
    expect(changed['lease']?.columns['holder']).toBe('character varying(10) not null');
    expect(changed['lease']?.indexes['lease_until_idx']).toBe('index btree (until desc)');
    expect(changed['api_token']?.indexes).not.toHaveProperty('api_token_sha256_key');
    expect(Object.keys(changed)).toContain('stranger');
    const more = await beyondPrisma(graph);
    expect(more.foreignKeys).toEqual(['stranger FOREIGN KEY (id) REFERENCES tenant(id)']);
    expect(more.otherObjects).toEqual(
      [...beyond.otherObjects, 'relation strange of kind v'].sort(),
    );
  });
});

describe('the reader of schema.prisma', () => {
  it('refuses what it does not understand', () => {
    const read = (line: string) => shapeOfPrismaSchema(`model A {\n  id Int @id\n  ${line}\n}\n`);
    expect(() => read('a String @db.Citext')).toThrow('@db.Citext');
    expect(() => read('@@index([id(sort: Desc)])')).toThrow('not understood');
    expect(() => read('@@unique([nothing])')).toThrow('no field nothing');
    expect(() => read('a String @default(uuid(7))')).toThrow('not understood');
  });
});
