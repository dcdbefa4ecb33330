import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseLanes } from '../harness/database.ts';
import { type TestServer, startServer } from '../harness/server.ts';
import { recordHotStatements } from './statements.ts';

const recorded = recordHotStatements();
afterAll(() => recorded.stop());

describe.each(databaseLanes())(
  'devices that enrol at the same moment, on the %s database',
  (lane) => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startServer({ lane });
    });
    afterAll(() => server.stop());

    const rows = async (sql: string, ids: readonly string[]) =>
      (await server.store.database.graph.query(sql, [ids])).rows as readonly Record<
        string,
        unknown
      >[];

    it('share statements, and each is stored as if it had come alone', async () => {
      const devices = await Promise.all(Array.from({ length: 12 }, (_, at) => server.device(at)));
      const [alone, ...others] = devices;
      if (alone === undefined) throw new Error('no device');
      await alone.authenticate();
      await alone.tokenUpdate();
      recorded.take();
      await Promise.all(others.map((device) => device.authenticate()));
      await Promise.all(others.map((device) => device.tokenUpdate()));
      const sent = recorded.take().map(({ name }) => name);
      expect(sent).toContain('authenticate-together');
      expect(sent).toContain('token-update-together');
      expect(sent.length).toBeLessThan(others.length);

      const ids = devices.map(({ enrollmentId }) => enrollmentId);
      const stored = await rows(
        `select e.id, e.kind, e.tenant_id, e.topic, e.enabled, e.disabled_reason, e.token_update_tally,
         e.awaiting_configuration, length(e.push_token) as token, length(e.push_magic) > 0 as magic,
         e.enrolled_at = e.token_updated_at and e.heard_at = e.token_updated_at as times,
         e.authenticated_at = e.created_at as made, e.cert_not_after = c.not_after as ends,
         c.sha256 = e.cert_hash and c.current_at = c.bound_at and c.device_key = e.key as bound,
         c.serial is not null and length(c.der) > 0 and c.issuer <> '' as certificate,
         (select count(*)::int from device_certificate d where d.device_key = e.key) as certificates
       from enrollment e left join device_certificate c on c.sha256 = e.cert_hash
       where e.id = any ($1) order by e.key`,
        ids,
      );
      const [first] = stored;
      expect(first).toMatchObject({
        enabled: true,
        token_update_tally: 1,
        times: true,
        bound: true,
        ends: true,
      });
      expect(stored.map((row) => ({ ...row, id: '' }))).toEqual(
        devices.map(() => ({ ...first, id: '' })),
      );
      expect(new Set(stored.map(({ id }) => id))).toEqual(new Set(ids));

      const facts = await rows(
        `select id, serial_number, device_name, model, model_name, product_name, os_version, build_version
       from enrollment where id = any ($1)`,
        ids,
      );
      for (const { facts: told } of devices) {
        expect(facts).toContainEqual({
          id: told.udid,
          serial_number: told.serialNumber,
          device_name: told.deviceName,
          model: told.model,
          model_name: told.modelName,
          product_name: told.productName,
          os_version: told.osVersion,
          build_version: told.buildVersion,
        });
      }

      const checkIns = await rows(
        `select c.message_type, c.url_params, v.type, v.data - 'certificateSha256' - 'serialNumber' as data,
         v.at = c.received_at as same_time, v.trace_id = c.trace_id as same_trace,
         coalesce(v.data ->> 'certificateSha256', encode(e.cert_hash, 'hex')) = encode(e.cert_hash, 'hex') as own,
         coalesce(v.data ->> 'serialNumber', e.serial_number) is not distinct from e.serial_number as serial
       from check_in c join enrollment e on e.key = c.enrollment_key
         join event v on v.check_in_id = c.id and v.enrollment_key = e.key
       where e.id = any ($1) order by c.message_type, e.key`,
        ids,
      );
      const ofOne = checkIns.filter((_, at) => at % devices.length === 0);
      expect(ofOne.map(({ type }) => type)).toEqual([
        'EnrollmentAuthenticated',
        'EnrollmentTokenUpdated',
      ]);
      expect(checkIns).toEqual(ofOne.flatMap((row) => devices.map(() => row)));
      expect(ofOne).toMatchObject([
        { own: true, serial: true, same_time: true, same_trace: true },
        { own: true, serial: true, same_time: true, same_trace: true },
      ]);
    });

    it('do not keep each other from enrolling when one brings what is wrong', async () => {
      const devices = await Promise.all(
        Array.from({ length: 5 }, (_, at) => server.device(60 + at)),
      );
      const [known, ...fresh] = devices;
      if (known === undefined) throw new Error('no device');
      await known.authenticate();
      await known.tokenUpdate();
      // It enrols anew among those that are new.
      await Promise.all([known, ...fresh].map((device) => device.authenticate()));
      await Promise.all([known, ...fresh].map((device) => device.tokenUpdate()));
      const stored = await rows(
        'select enabled, token_update_tally from enrollment where id = any ($1)',
        devices.map(({ enrollmentId }) => enrollmentId),
      );
      expect(stored).toEqual(devices.map(() => ({ enabled: true, token_update_tally: 1 })));
    });
  },
);
