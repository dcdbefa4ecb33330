import { graphql } from '../../../generated/gql/gql.ts';
import type { CliPushCertificatesQuery } from '../../../generated/gql/graphql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { limitFlag, pageSize, upTo } from '../lists.ts';
import { own, shape } from '../output/fields.ts';

const document = graphql(`
  query CliPushCertificates($first: Int, $after: String) {
    pushCertificates(first: $first, after: $after) {
      edges {
        node {
          id
          topic
          subject
          issuer
          serialNumber
          sha256
          version
          enrollmentCount
          notBefore
          expiresAt
          expiresInDays
          stoppedAt
          stoppedReason
          uploadedAt
          uploadedBy
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

type Row = CliPushCertificatesQuery['pushCertificates']['edges'][number]['node'];

const certificateShape = shape(
  own<Row>()({
    topic: 'its topic',
    id: 'its global id',
    subject: 'its subject',
    issuer: 'who issued it',
    serialNumber: 'its serial number',
    sha256: 'its SHA-256',
    version: 'how often one was uploaded for the topic',
    enrollmentCount: 'how many devices are pushed with it',
    notBefore: 'from when it is valid',
    expiresAt: 'until when it is valid',
    expiresInDays: 'for how many days yet',
    stoppedAt: 'since when Apple refuses it',
    stoppedReason: 'why',
    uploadedAt: 'when it was uploaded',
    uploadedBy: 'by whom',
  }),
  [
    ['topic', 'TOPIC'],
    ['expiresAt', 'EXPIRES'],
    ['expiresInDays', 'DAYS'],
    ['enrollmentCount', 'DEVICES'],
    ['stoppedReason', 'REFUSED'],
  ],
);

export const pushcertList = command({
  words: ['pushcert', 'list'],
  what: "lists Apple's push certificates, by topic",
  flags: limitFlag,
  fields: certificateShape.fields,
  examples: ['graphmdm pushcert list --json topic,expiresInDays'],
  async run({ flags: { limit = 30 }, out, connect }) {
    const rows = connect().list(document, { first: pageSize(limit) });
    await out.list(certificateShape, upTo(limit, rows));
    return exit.ok;
  },
});
