import type { Arguments } from './plan.ts';
import type { Tenant } from './world.ts';

/**
 * Values for the arguments that have to be given, so that what they name is a tenant's. Whoever adds a
 * field that needs an argument adds a line.
 */
export function argumentsFor({
  devices: [device],
  topic,
  answeredUuid,
  invitationId,
  challenge,
  tokenId,
}: Tenant): Arguments {
  const text = JSON.stringify;
  return {
    'Query.apiToken': `id: ${text(tokenId)}`,
    'Query.command': `uuid: ${text(answeredUuid)}`,
    'Query.enrollment': `enrollmentId: ${text(device.enrollmentId)}`,
    'Query.enrollmentInvitation': `id: ${text(invitationId)}`,
    'Query.enrollmentProfile': `input: { challenge: ${text(challenge)} }`,
    'Query.job': `id: "00000000-0000-4000-8000-000000000000"`,
    'Query.node': `id: ${text(Buffer.from(`PushCertificate:${topic}`).toString('base64'))}`,
    'Query.nodes': `ids: [${text(Buffer.from(`PushCertificate:${topic}`).toString('base64'))}]`,
    'Query.pushCertificate': `topic: ${text(topic)}`,
    'Subscription.commandProgress': `command: ${text(answeredUuid)}`,
    'Query.upload': `uploadId: "00000000-0000-4000-8000-000000000000"`,
  };
}

/**
 * The arguments beside `after` that a subscription is tried with, the first so that its tenant sees
 * something. A subscription that is not named here is tried with none.
 */
export function subscriptionArguments(
  { devices: [device], answeredUuid }: Tenant,
  name: string,
): readonly string[] {
  const enrollments = `enrollments: [${JSON.stringify(device.enrollmentId)}]`;
  const commands = `commands: [${JSON.stringify(answeredUuid)}]`;
  const known: Readonly<Record<string, readonly string[]>> = {
    events: ['', `filter: { ${enrollments} }`, `filter: { ${commands} }`],
    commandResults: ['', `filter: { ${enrollments} }`, `filter: { ${commands} }`],
    pushOutcomes: ['', enrollments],
    commandProgress: [`command: ${JSON.stringify(answeredUuid)}`],
    enrollmentChanged: ['', `filter: { ${enrollments} }`],
  };
  return known[name] ?? [''];
}
