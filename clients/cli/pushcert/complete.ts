import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { fileOf } from '../files.ts';
import { storedShape, storeFlags } from './stored.ts';

const document = graphql(`
  mutation CliCompletePushCertificate($input: CompletePushCertificateRequestInput!) {
    completePushCertificateRequest(input: $input) {
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

export const pushcertComplete = command({
  words: ['pushcert', 'complete'],
  what: "stores Apple's certificate for a request that was made here",
  argument: { name: 'REQUEST', what: 'id of the request' },
  flags: {
    file: { type: 'text', value: 'FILE', isFile: true, what: 'the certificate; - is stdin' },
    ...storeFlags,
  },
  fields: storedShape.fields,
  examples: ['graphmdm pushcert complete 7 --file MDM_Example.pem'],
  async run({ args: [requestId = ''], flags, io, out, connect }) {
    const file = await fileOf('file', flags.file, io);
    const input = {
      requestId,
      certificate: file.includes('-----BEGIN ') ? file.toString('utf8') : file.toString('base64'),
      newTopic: flags['new-topic'],
      force: flags.force,
      ...(flags.renews !== undefined && { renews: flags.renews }),
    };
    const answer = await connect().mutate(document, { input });
    await out.item(storedShape, done(answer.completePushCertificateRequest));
    return exit.ok;
  },
});
