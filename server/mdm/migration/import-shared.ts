import type { PoolClient } from 'pg';
import { bodyHasSecrets } from '../../catalogue/secret-bearing.ts';
import { writePem } from '../../pki/pem-blocks.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { formatName } from '../../protocol/cms/name.ts';
import { isPlistDict } from '../../protocol/plist/value.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import {
  findCommands,
  insertCommands,
  type MigratedCommand,
} from '../../store/migration/commands.ts';
import {
  lockPushCertificate,
  putPushCertificate,
} from '../../store/push-certificates/certificates.ts';
import { pushCertificateBegan } from '../../store/migration/push-certificates.ts';
import { inputHash } from '../idempotency.ts';
import { resumeTopic } from '../push/resume.ts';
import { pushKeyPlace } from '../push-certificates/identity.ts';
import { commandBodyPlace } from '../queue/deliver.ts';
import { renewsMdmProfile } from '../queue/mdm-profile.ts';
import type { Decoded } from './decode.ts';
import { dateOf, type LineError, type Numbered } from './gather.ts';
import type { ImportRun } from './run.ts';

type CommandRecord = Extract<Decoded, { kind: 'command' }>;
type PushCertificateRecord = Extract<Decoded, { kind: 'pushCertificate' }>;

/** Brings in what enrolments share: commands, in the order given, and push certificates. */
export async function importShared(
  { keyring }: { readonly keyring: Keyring },
  client: PoolClient,
  records: readonly Numbered[],
  tenantId: number,
  run: ImportRun,
): Promise<readonly LineError[]> {
  const errors: LineError[] = [];
  await importCommands();
  // One for each topic, so there are few.
  for (const { line, decoded } of records) {
    if (decoded.kind === 'pushCertificate') await importPushCertificate(line, decoded);
  }
  return errors;

  async function importCommands(): Promise<void> {
    const commands = records.flatMap(({ line, decoded }) =>
      decoded.kind === 'command' ? [{ line, decoded }] : [],
    );
    const uuids = commands.map(({ decoded }) => decoded.record.commandUuid);
    const known = new Map(
      [...(await findCommands(client, tenantId, uuids))].map(([uuid, { bodyFingerprint }]) => [
        uuid,
        bodyFingerprint,
      ]),
    );
    const fresh: MigratedCommand[] = [];
    for (const { line, decoded } of commands) {
      const { commandUuid, body } = decoded.record;
      const before = known.get(commandUuid);
      if (before === undefined) {
        const command = commandOf(decoded);
        known.set(commandUuid, command.bodyFingerprint);
        fresh.push(command);
      } else if (!keyring.isFingerprintOf(before, body)) {
        const message = `CommandUUID ${commandUuid} names another command already.`;
        errors.push({ line, code: 'COMMAND_UUID_USED', message, subject: commandUuid });
      }
    }
    await insertCommands(client, tenantId, fresh, run.actor);
  }

  function commandOf({ record, requestType, command }: CommandRecord): MigratedCommand {
    const { commandUuid: uuid, body, createdAt } = record;
    const bodySealed = bodyHasSecrets(requestType);
    const inner = command['Command'];
    return {
      uuid,
      requestType,
      body: bodySealed ? keyring.seal(commandBodyPlace(tenantId, uuid), body) : body,
      bodySealed,
      bodyFingerprint: keyring.fingerprint(body),
      targetsSha256: inputHash({ migrated: uuid }),
      renewal:
        requestType === 'InstallProfile' &&
        isPlistDict(inner) &&
        renewsMdmProfile(inner['Payload']),
      createdAt: dateOf(createdAt) ?? run.at,
    };
  }

  async function importPushCertificate(
    line: number,
    { checked }: PushCertificateRecord,
  ): Promise<void> {
    const { topic, certificate, chain, keyPem } = checked;
    const present = await lockPushCertificate(client, topic);
    if (present !== null && present.tenantId !== tenantId) {
      const message = 'This topic cannot be used here.';
      errors.push({ line, code: 'TOPIC_UNAVAILABLE', message, subject: topic });
      return;
    }
    // What is here stays, unless the file's is from later.
    const began = await pushCertificateBegan(client, topic);
    if (began !== null && began >= certificate.notBefore) return;
    await putPushCertificate(client, {
      topic,
      tenantId,
      certificate: [certificate, ...chain].map(({ der }) => writePem('CERTIFICATE', der)).join(''),
      key: keyring.seal(pushKeyPlace(topic), Buffer.from(keyPem)),
      subject: formatName(certificate.subjectDer),
      issuer: formatName(certificate.issuerDer),
      serial: certificate.serial.toString('hex'),
      sha256: sha256Of(certificate.der),
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      uploadedBy: run.actor,
      uploadedAt: run.at,
    });
    await resumeTopic(client, { topic, tenantId, actor: run.actor });
  }
}
