import type { AskedProfile } from '../server/mdm/enroll/ask-profile.ts';
import { builder } from './builder.ts';
import { outcomesOf, mutationErrors } from './errors.ts';

const EnrollmentProfile = builder.objectRef<AskedProfile>('EnrollmentProfile').implement({
  description:
    'A profile that enrols the device it is installed on. The challenge in it is a secret.',
  fields: (t) => ({
    mobileconfig: t.expose('mobileconfig', {
      type: 'Base64',
      description: 'The file to install, `.mobileconfig`: signed if the server has a signer.',
    }),
    text: t.exposeString('text', { description: 'The profile as XML, without its signature.' }),
    signed: t.exposeBoolean('signed', { description: 'Whether the file is signed.' }),
    topic: t.string({ description: 'The push topic in it.', resolve: ({ fixed }) => fixed.topic }),
    serverUrl: t.string({
      description: 'The address that the device will talk to.',
      resolve: ({ fixed }) => fixed.serverUrl,
    }),
  }),
});

const EnrollmentProfileInput = builder.inputType('EnrollmentProfileInput', {
  description: 'What the profile is made with.',
  fields: (t) => ({
    challenge: t.string({
      description:
        "An invitation's challenge. Without it the profile has the one of --scep-challenge, which needs " +
        'the scope secrets:read.',
    }),
    topic: t.string({
      description:
        'The push topic. Needed only when there are push certificates for several and the invitation ' +
        'names none.',
    }),
  }),
});

builder.queryField('enrollmentProfile', (t) =>
  t.field({
    type: EnrollmentProfile,
    description:
      'Makes an enrolment profile, for who hands it out by other ways than an invitation’s page.',
    authScopes: { scope: 'invitations:write' },
    errors: outcomesOf('enrollmentProfile', mutationErrors),
    args: {
      input: t.arg({
        type: EnrollmentProfileInput,
        required: true,
        description: 'What it is made with.',
      }),
    },
    resolve: (_root, { input }, { useCases, viewer }) =>
      useCases.enrollmentProfile(viewer, {
        challenge: input.challenge ?? null,
        topic: input.topic ?? null,
      }),
  }),
);
