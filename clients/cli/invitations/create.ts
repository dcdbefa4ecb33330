import { graphql } from '../../../generated/gql/gql.ts';
import type { CliCreateInvitationMutation } from '../../../generated/gql/graphql.ts';
import { command } from '../command.ts';
import { done } from '../confirm.ts';
import { exit } from '../exit.ts';
import { usage } from '../failure.ts';
import { shape } from '../output/fields.ts';
import { timeOf } from '../times.ts';

const document = graphql(`
  mutation CliCreateInvitation($input: CreateEnrollmentInvitationInput!) {
    createEnrollmentInvitation(input: $input) {
      __typename
      ... on CreateEnrollmentInvitationPayload {
        enrollmentUrl
        challenge
        invitation {
          invitationId
          expiresAt
        }
      }
      ... on Error {
        code
        message
        path
      }
    }
  }
`);

type Row = Extract<
  CliCreateInvitationMutation['createEnrollmentInvitation'],
  { __typename: 'CreateEnrollmentInvitationPayload' }
>;

const createdShape = shape(
  {
    enrollmentUrl: { what: 'the page to send to people', of: (row: Row) => row.enrollmentUrl },
    challenge: { what: 'the SCEP challenge; it is shown once', of: (row) => row.challenge },
    invitationId: { what: 'its id', of: (row) => row.invitation?.invitationId ?? null },
    expiresAt: {
      what: 'until when it can be used',
      of: (row) => row.invitation?.expiresAt ?? null,
    },
  },
  [],
);

export const invitationsCreate = command({
  words: ['invitations', 'create'],
  what: 'makes an invitation, with which devices enrol',
  flags: {
    description: { type: 'text', value: 'TEXT', what: 'what it is for' },
    uses: { type: 'number', value: 'N', least: 1, what: 'how often it may be used; 1 unless said' },
    unlimited: { type: 'switch', what: 'as often as one likes' },
    expires: { type: 'text', value: 'TIME', what: 'until when: a time, or 7d from now' },
    tag: { type: 'list', value: 'TAG', what: 'tags that its devices get' },
    topic: { type: 'text', value: 'TOPIC', what: 'push topic, where there are several' },
  },
  fields: createdShape.fields,
  examples: ['graphmdm invitations create --uses 30 --expires 7d --tag lab --json enrollmentUrl'],
  async run({ flags, out, connect }) {
    const { description, uses, unlimited, tag, topic } = flags;
    if (unlimited && uses !== undefined) throw usage('--uses and --unlimited do not go together.');
    const expiresAt = timeOf('expires', flags.expires);
    const input = {
      tags: tag,
      ...(unlimited && { useLimit: null }),
      ...(uses !== undefined && { useLimit: uses }),
      ...(description !== undefined && { description }),
      ...(topic !== undefined && { topic }),
      ...(expiresAt && { expiresAt }),
    };
    const answer = await connect().mutate(document, { input });
    await out.item(createdShape, done(answer.createEnrollmentInvitation));
    return exit.ok;
  },
});
