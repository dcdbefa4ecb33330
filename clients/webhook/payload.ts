import type {
  WebhookCheckInFragment,
  WebhookEventsSubscription,
} from '../../generated/gql/graphql.ts';
import { reportPlist } from './report-plist.ts';
import { type Channel, type Who, whoOf } from './who.ts';

type Item = WebhookEventsSubscription['events'];

/** An event that becomes a webhook. */
export type DeviceEvent = Extract<Item, { readonly __typename: keyof typeof topics }>;

/** The webhook's topic for each kind of event. */
const topics = {
  EnrollmentAuthenticatedEvent: 'mdm.Authenticate',
  EnrollmentTokenUpdatedEvent: 'mdm.TokenUpdate',
  EnrollmentCheckedOutEvent: 'mdm.CheckOut',
  UserAuthenticateReceivedEvent: 'mdm.UserAuthenticate',
  BootstrapTokenSetEvent: 'mdm.SetBootstrapToken',
  BootstrapTokenRequestedEvent: 'mdm.GetBootstrapToken',
  DeclarativeManagementReceivedEvent: 'mdm.DeclarativeManagement',
  GetTokenReceivedEvent: 'mdm.GetToken',
  CommandAnsweredEvent: 'mdm.Connect',
  CommandNotNowEvent: 'mdm.Connect',
  StrayReportReceivedEvent: 'mdm.Connect',
  EnrollmentIdleEvent: 'mdm.Connect',
} as const;

/** The kinds of event to subscribe to. */
export const eventTypes = [
  'EnrollmentAuthenticated',
  'EnrollmentTokenUpdated',
  'EnrollmentCheckedOut',
  'UserAuthenticateReceived',
  'BootstrapTokenSet',
  'BootstrapTokenRequested',
  'DeclarativeManagementReceived',
  'GetTokenReceived',
  'CommandAnswered',
  'CommandNotNow',
  'StrayReportReceived',
  'EnrollmentIdle',
] as const;

export function isDeviceEvent(item: Item): item is DeviceEvent {
  return Object.hasOwn(topics, item.__typename);
}

/** Every topic. */
export const allTopics: ReadonlySet<string> = new Set(Object.values(topics));

export function topicOf(event: DeviceEvent): string {
  return topics[event.__typename];
}

/**
 * Writes an event as NanoMDM's webhook would have: compact JSON, members in its order, what is empty left
 * out. @returns null for an event about nobody
 */
export function payloadOf(event: DeviceEvent): string | null {
  const channel = channelOf(event);
  if (channel === null) return null;
  const who = whoOf(channel);
  return JSON.stringify({
    ...contentOf(event, who),
    created_at: event.at.replace(/\.?0+Z$/, 'Z'),
    event_id: event.traceId ?? event.id,
    topic: topicOf(event),
  });
}

function contentOf(event: DeviceEvent, who: Who): object {
  switch (event.__typename) {
    case 'CommandAnsweredEvent':
      return report(who, event.status, event.commandUuid, event.result?.raw);
    case 'StrayReportReceivedEvent':
      return report(who, event.status, event.reportedCommandUuid, event.report?.raw);
    case 'CommandNotNowEvent':
      return report(who, 'NotNow', event.commandUuid, null);
    case 'EnrollmentIdleEvent':
      return report(who, 'Idle', null, null);
    case 'EnrollmentTokenUpdatedEvent':
      return checkIn(who, event.checkIn, event.tokenUpdateTally);
    case 'EnrollmentAuthenticatedEvent':
    case 'EnrollmentCheckedOutEvent':
    case 'UserAuthenticateReceivedEvent':
    case 'BootstrapTokenSetEvent':
    case 'BootstrapTokenRequestedEvent':
    case 'DeclarativeManagementReceivedEvent':
    case 'GetTokenReceivedEvent':
      return checkIn(who, event.checkIn, null);
  }
}

function report(
  who: Who,
  status: string | null,
  commandUuid: string | null,
  raw: string | null | undefined,
): object {
  const word = status ?? '';
  const { enrollment_id, ids, udid } = who;
  const made = () => reportPlist(who, word, commandUuid).toString('base64');
  return {
    acknowledge_event: {
      ...(commandUuid !== null && { command_uuid: commandUuid }),
      ...(enrollment_id !== undefined && { enrollment_id }),
      ids,
      raw_payload: raw ?? made(),
      status: word,
      ...(udid !== undefined && { udid }),
    },
  };
}

function checkIn(
  { enrollment_id, ids, udid }: Who,
  message: WebhookCheckInFragment | null,
  tally: number | null,
): object {
  const params = Object.fromEntries((message?.urlParams ?? []).map((one) => [one.name, one.value]));
  return {
    checkin_event: {
      ...(enrollment_id !== undefined && { enrollment_id }),
      ids,
      raw_payload: message?.raw ?? '',
      ...(tally !== null && { token_update_tally: tally }),
      ...(udid !== undefined && { udid }),
      ...(Object.keys(params).length > 0 && { url_params: params }),
    },
  };
}

/** Which enrolment it is about: the user's, where a user asks to be managed. */
function channelOf(event: DeviceEvent): Channel | null {
  const { enrollmentId: id, enrollment } = event;
  if (id === null) return null;
  const kind = enrollment?.kind ?? 'DEVICE';
  const device = enrollment?.__typename === 'UserChannel' ? enrollment.device : null;
  if (event.__typename === 'UserAuthenticateReceivedEvent' && event.userEnrollmentId !== null) {
    const deviceId = device?.enrollmentId ?? id;
    return { id: event.userEnrollmentId, kind: userKind(event), deviceId };
  }
  return { id, kind, deviceId: device?.enrollmentId ?? null };
}

function userKind(event: Extract<DeviceEvent, { __typename: 'UserAuthenticateReceivedEvent' }>) {
  const message: Readonly<Record<string, unknown>> = Object(event.checkIn?.decoded);
  if (message['UDID'] === undefined) return 'USER_ENROLLMENT';
  return message['UserID'] === 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF' ? 'SHARED_IPAD' : 'USER';
}
