import { silentLog } from '../../server/model/log.ts';
import type { DeviceAuthority, Generation } from '../../server/pki/authority.ts';
import { createScepResponder } from '../../server/pki/scep-responder.ts';
import type { ScepPolicy, ScepResponder } from '../../server/pki/scep-types.ts';
import type { Certificate } from '../../server/protocol/cms/certificate.ts';
import type { CertRep } from '../../server/protocol/scep/client.ts';
import { readCertRep } from '../../server/protocol/scep/client.ts';
import { now, tomorrow } from '../protocol/authority.ts';
import type { Sent } from '../scep/requester.ts';
import { IssuedMemory } from './issued-memory.ts';

/** A SCEP responder on a store in memory, with a clock that stands where it is put. */
export interface ScepService {
  readonly respond: ScepResponder;
  readonly memory: IssuedMemory;
  time: Date;
  authority: DeviceAuthority;
  /** Sends a request by POST and reads the reply. */
  ask(sent: Sent): Promise<CertRep>;
}

export function scepService(generation: Generation, policy: ScepPolicy = {}): ScepService {
  const memory = new IssuedMemory();
  memory.addChallenge('secret', tomorrow);
  const service: ScepService = {
    memory,
    time: now,
    authority: { generations: [generation] },
    respond: createScepResponder({
      authority: () => service.authority,
      checkChallenge: memory.checkChallenge,
      findIssued: memory.findIssued,
      record: memory.record,
      policy,
      log: silentLog,
      clock: { now: () => service.time, setTimer: () => () => {} },
    }),
    async ask(sent) {
      const { body } = await service.respond({ operation: 'PKIOperation', message: sent.bytes });
      return readCertRep(body, sent.request, signers(service.authority));
    },
  };
  return service;
}

/** Who may sign replies. */
export function signers({ generations }: DeviceAuthority): readonly Certificate[] {
  return generations.map(({ ra, certificate }) => ra?.certificate ?? certificate);
}
