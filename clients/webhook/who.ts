import type { EnrollmentKind } from '../../generated/gql/graphql.ts';

/** Who a webhook is about, in NanoMDM's words. */
export interface Who {
  readonly udid?: string;
  readonly enrollment_id?: string;
  readonly ids: { readonly id: string; readonly parent_id?: string; readonly type: string };
}

/** What the graph says of an enrolment. */
export interface Channel {
  readonly id: string;
  readonly kind: EnrollmentKind;
  /** Of a user channel, its device. */
  readonly deviceId: string | null;
}

const types: Readonly<Record<EnrollmentKind, string>> = {
  DEVICE: 'Device',
  USER: 'User',
  SHARED_IPAD: 'Shared iPad',
  USER_ENROLLMENT_DEVICE: 'User Enrollment (Device)',
  USER_ENROLLMENT: 'User Enrollment',
};

/** Names an enrolment as NanoMDM does; members in the order of its JSON. */
export function whoOf({ id, kind, deviceId }: Channel): Who {
  const device = deviceId ?? id;
  const hidesUdid = kind === 'USER_ENROLLMENT_DEVICE' || kind === 'USER_ENROLLMENT';
  return {
    ...(hidesUdid ? { enrollment_id: device } : { udid: device }),
    ids: { id, ...(deviceId !== null && { parent_id: deviceId }), type: types[kind] },
  };
}
