import { describe, expect, it } from 'vitest';
import { deviceFacts } from '../../clients/simulator/facts.ts';
import { plausibleResponse } from '../../clients/simulator/plausible.ts';
import { Profiles } from '../../clients/simulator/profiles.ts';
import { ordinaryResponder } from '../../clients/simulator/responders.ts';
import { readOptions } from '../../clients/simulator/options.ts';
import { payloadKeys, requestTypes } from '../../server/catalogue/commands.ts';
import { buildPlist } from '../../server/protocol/plist/build.ts';
import { plausibleValue } from '../../clients/simulator/plausible.ts';

describe('an ordinary device', () => {
  it('answers every command of the catalogue with something that is a property list', () => {
    for (const number of [0, 1, 3]) {
      const facts = deviceFacts(number);
      const respond = ordinaryResponder(facts, new Profiles());
      for (const requestType of requestTypes) {
        const required = payloadKeys(requestType).filter((key) => key.required);
        const entries = required.map((key) => [key.key, plausibleValue(key, facts.platform)]);
        const payload = { RequestType: requestType, ...Object.fromEntries(entries) };
        const answer = respond({ uuid: 'u', requestType, payload, raw: Buffer.alloc(0) });
        // A made-up payload is no profile, and no profile of that name is installed.
        const expected: Record<string, string> = {
          InstallProfile: 'CommandFormatError',
          RemoveProfile: 'Error',
        };
        expect(answer.status, requestType).toBe(expected[requestType] ?? 'Acknowledged');
        expect(() => buildPlist({ ...answer.response })).not.toThrow();
      }
    }
  });

  it('says what its platform knows', () => {
    expect(plausibleResponse('ActivationLockBypassCode', 'iOS')).toEqual({
      ActivationLockBypassCode: 'simulated ActivationLockBypassCode',
    });
  });
});

describe('device facts', () => {
  it('are the same for the same number and differ between numbers', () => {
    expect(deviceFacts(7)).toEqual(deviceFacts(7));
    const udids = Array.from({ length: 1000 }, (_, number) => deviceFacts(number).udid);
    expect(new Set(udids).size).toBe(1000);
    expect(udids[0]).toMatch(/^[\dA-F]{8}(-[\dA-F]{4}){3}-[\dA-F]{12}$/);
  });
});

describe("the simulator's command line", () => {
  it('is read with its defaults', () => {
    expect(readOptions(['--url', 'http://localhost:9000/mdm', '--once'])).toMatchObject({
      devices: 10,
      signature: 'apple',
      key: 'ec',
      pollInterval: 5000,
      once: true,
    });
    expect(readOptions(['--help'])).toBeNull();
  });

  it.each([
    [[], '--url is missing'],
    [['--url', 'ftp://x'], '--url is no http(s) address'],
    [['--url', 'http://x', '--devices', 'ten'], '--devices must be a number'],
    [['--url', 'http://x', '--devices', '1.5'], '--devices must be a number'],
    [['--url', 'http://x', '--signature', 'old'], '--signature must be apple or modern'],
    [['--url', 'http://x', '--ca-key', 'k'], '--ca-cert and --ca-key go together'],
    [['--url', 'http://x', '--colour'], '--colour'],
    [['--url', 'http://x', '--enroll', 'http://x'], '--enroll'],
    [['--url', 'http://x', '--renew', 'silent'], '--renew'],
    [['--enroll', 'http://x', '--renew', 'loudly'], '--renew'],
    [['--enroll', 'http://x', '--topic', 'T'], '--topic'],
  ] as const)('refuses %j by name', (argv, message) => {
    expect(() => readOptions(argv)).toThrow(message);
  });
});
