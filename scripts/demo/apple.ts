import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { makePushCertificate } from '../../clients/simulator/apns/push-certificates.ts';
import { startStandIn } from '../../clients/simulator/apns/stand-in.ts';
import { wakeOnPush } from '../../clients/simulator/apns/wakes.ts';
import type { Device } from '../../clients/simulator/device.ts';
import { defaultTopic } from '../../clients/simulator/facts.ts';
import type { Graph } from './graph.ts';

/** What stands for Apple's push service in the demo. */
export interface DemoApple {
  readonly url: URL;
  /** How many devices were woken. */
  pushes(): number;
  /** Devices that hear their pushes from now on: each asks for its commands. */
  wakes(devices: readonly Device[], failed: (error: unknown) => void): void;
  /** Gives the server a push certificate for the devices' topic. */
  certify(graph: Graph): Promise<void>;
  stop(): Promise<void>;
}

const uploaded = z.object({
  uploadPushCertificate: z.object({ topic: z.string().optional(), message: z.string().optional() }),
});

const upload = `mutation Upload($pem: String!) {
  uploadPushCertificate(input: { source: { pem: $pem } }) {
    ... on UploadPushCertificatePayload { topic }
    ... on Error { message }
  }
}`;

/** @param caFile where the certificate goes that the server must trust, for `--apns-ca` */
export async function startApple(caFile: string): Promise<DemoApple> {
  let hear: ReturnType<typeof wakeOnPush> = () => {};
  const standIn = await startStandIn({ heard: (push) => hear(push) });
  writeFileSync(caFile, standIn.ca);
  return {
    url: standIn.url,
    pushes: () => standIn.pushes.length,
    wakes(devices, failed) {
      hear = wakeOnPush(
        () => devices,
        (device) => device.channel.connect(),
        (_device, error) => failed(error),
      );
    },
    async certify(graph) {
      const { certificate, key } = await makePushCertificate(standIn.authority, defaultTopic);
      const { uploadPushCertificate: outcome } = await graph.ask(
        upload,
        { pem: certificate + key },
        uploaded,
      );
      if (outcome.topic === undefined) throw new Error(outcome.message);
    },
    stop: () => standIn.close(),
  };
}
