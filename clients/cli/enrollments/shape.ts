import { graphql } from '../../../generated/gql/gql.ts';
import type { DataOf } from '../document.ts';
import { own, shape } from '../output/fields.ts';

const enrollmentFields = graphql(`
  fragment CliEnrollmentFields on Enrollment {
    __typename
    id
    enrollmentId
    kind
    enabled
    serialNumber
    deviceName
    model
    modelName
    productName
    osVersion
    topic
    tags
    notes
    enrolledAt
    lastSeenAt
    checkedOutAt
    disabledReason
    awaitingConfiguration
  }
`);

/** How an enrolment is shown. */
export const enrollmentShape = shape(
  own<DataOf<typeof enrollmentFields>>()({
    enrollmentId: 'its id: a UDID for devices',
    id: 'its global id',
    kind: 'DEVICE, USER_ENROLLMENT_DEVICE, …',
    enabled: 'whether commands are delivered to it',
    serialNumber: 'serial number',
    deviceName: 'name of the device',
    model: 'model',
    modelName: 'name of the model',
    productName: 'product, such as MacBookPro18,3',
    osVersion: 'version of the system',
    topic: 'topic of its pushes',
    tags: 'its tags',
    notes: 'notes about it',
    enrolledAt: 'when it enrolled',
    lastSeenAt: 'when it was last heard of',
    checkedOutAt: 'when it left',
    disabledReason: 'why it is not enabled',
    awaitingConfiguration: 'whether it waits in Setup Assistant',
  }),
  [
    ['enrollmentId', 'ID'],
    ['serialNumber', 'SERIAL'],
    ['deviceName', 'NAME'],
    ['modelName', 'MODEL'],
    ['osVersion', 'OS'],
    ['enabled', 'ENABLED'],
    ['lastSeenAt', 'LAST SEEN'],
  ],
);
