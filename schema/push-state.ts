import type { PushStateName } from '../server/model/targets.ts';
import { builder } from './builder.ts';

export const PushStateEnum = builder.enumType('PushState', {
  description: 'How pushing to an enrolment stands.',
  values: {
    UNKNOWN: { description: 'Nothing was pushed since it last sent its token.' },
    PENDING: { description: 'A push is asked for or under way.' },
    ACCEPTED: { description: 'Apple took the last push.' },
    RETRYING: { description: 'The last push could not be sent for now; it is tried again.' },
    UNAVAILABLE: { description: 'The last push could not be sent, after several tries.' },
    UNREGISTERED: { description: 'Apple says that the token is of no use any more.' },
    BAD_DEVICE_TOKEN: { description: 'Apple says that the token is none.' },
    DEVICE_TOKEN_NOT_FOR_TOPIC: { description: 'The token belongs to another topic.' },
    TOPIC_DISALLOWED: { description: 'Apple does not allow pushes on this topic.' },
    CERTIFICATE_REFUSED: { description: "Apple refuses the topic's push certificate." },
    NO_CERTIFICATE: { description: 'No push certificate was uploaded for the topic.' },
    NO_PUSH_DATA: { description: 'It has sent no TokenUpdate yet.' },
    REJECTED: { description: 'Apple refused the push for another reason.' },
  } as const satisfies Readonly<Record<PushStateName, { readonly description: string }>>,
});
