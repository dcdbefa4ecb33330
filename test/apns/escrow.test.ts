import { expect, it, onTestFinished } from 'vitest';
import { startEscrowStandIn } from '../../clients/simulator/apns/escrow-stand-in.ts';
import {
  makePushAuthority,
  makePushCertificate,
} from '../../clients/simulator/apns/push-certificates.ts';
import { certificatePem } from '../../clients/simulator/identity.ts';
import { unlockWithEscrowKey } from '../../server/apns/escrow.ts';
import { systemClock } from '../../server/model/clock.ts';
import { topic } from './push-service.ts';

const unlock = {
  serial: 'C01',
  productType: 'iPad8,1',
  imei: '35 1',
  orgName: 'Ex & Co',
  guid: 'guid',
  escrowKey: 'KEY+/=',
};

async function escrowService() {
  const authority = await makePushAuthority();
  const standIn = await startEscrowStandIn(authority);
  onTestFinished(() => standIn.close());
  const route = { url: standIn.url, ca: certificatePem(authority.certificate) };
  return { authority, standIn, route };
}

it('unlocking with an escrow key says the device in the query and the key in the form', async () => {
  const { authority, standIn, route } = await escrowService();
  const identity = { version: '1', ...(await makePushCertificate(authority, topic)) };
  standIn.answer = { status: 409, body: '{"code":"NOT_LOCKED"}' };
  const answer = await unlockWithEscrowKey(route, identity, unlock, systemClock);
  expect(answer).toMatchObject({ status: 409, headers: { 'content-type': 'application/json' } });
  expect(answer.body.toString()).toBe('{"code":"NOT_LOCKED"}');
  expect(standIn.requests).toEqual([
    {
      topic,
      method: 'POST',
      path: '/deviceservicesworkers/escrowKeyUnlock',
      query: { serial: 'C01', productType: 'iPad8,1', imei: '35 1' },
      form: { orgName: 'Ex & Co', guid: 'guid', escrowKey: 'KEY+/=' },
    },
  ]);
});

it('unlocking with a certificate that Apple does not know returns the refusal', async () => {
  const { route } = await escrowService();
  const stranger = await makePushCertificate(await makePushAuthority(), topic);
  const answer = await unlockWithEscrowKey(
    route,
    { version: '1', ...stranger },
    unlock,
    systemClock,
  );
  expect(answer.status).toBe(403);
});

it('unlocking without a connection fails', async () => {
  const { authority, standIn, route } = await escrowService();
  const identity = { version: '1', ...(await makePushCertificate(authority, topic)) };
  await standIn.close();
  await expect(unlockWithEscrowKey(route, identity, unlock, systemClock)).rejects.toThrow();
});
