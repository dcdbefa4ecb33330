import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { fileOf } from '../files.ts';
import { secretOf } from '../secrets.ts';
import { storedShape, storeFlags } from './stored.ts';

const document = graphql(`
  mutation CliUploadPushCertificate($input: UploadPushCertificateInput!) {
    uploadPushCertificate(input: $input) {
      __typename
      ... on UploadPushCertificatePayload {
        topic
        version
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

export const pushcertUpload = command({
  words: ['pushcert', 'upload'],
  what: 'stores a push certificate and its key',
  flags: {
    file: {
      type: 'text',
      value: 'FILE',
      isFile: true,
      what: 'certificate and key, as PEM in one file or as PKCS #12; - is stdin',
    },
    key: {
      type: 'text',
      value: 'FILE',
      isFile: true,
      what: 'the key, where it is in a file of its own',
    },
    'password-file': {
      type: 'text',
      value: 'FILE',
      isFile: true,
      what: 'what the key is encrypted with; else GRAPHMDM_KEY_PASSWORD',
    },
    ...storeFlags,
  },
  fields: storedShape.fields,
  examples: [
    'graphmdm pushcert upload --file push.pem --key push.key --renews com.apple.mgmt.External.0f1e',
    'graphmdm pushcert upload --file push.p12 --password-file password',
  ],
  async run({ flags, io, out, connect }) {
    const file = await fileOf('file', flags.file, io);
    const key = flags.key === undefined ? null : await fileOf('key', flags.key, io);
    const password = await secretOf(
      'password-file',
      flags['password-file'],
      'GRAPHMDM_KEY_PASSWORD',
      io,
    );
    const isPem = file.includes('-----BEGIN ');
    const pem =
      key === null ? file.toString('utf8') : `${file.toString('utf8')}\n${key.toString('utf8')}`;
    const input = {
      source: isPem ? { pem } : { pkcs12: file.toString('base64') },
      newTopic: flags['new-topic'],
      force: flags.force,
      ...(password !== undefined && { password }),
      ...(flags.renews !== undefined && { renews: flags.renews }),
    };
    const stored = done((await connect().mutate(document, { input })).uploadPushCertificate);
    await out.item(storedShape, stored);
    return exit.ok;
  },
});
