import { graphql } from '../../../generated/gql/gql.ts';
import { command } from '../command.ts';
import { exit } from '../exit.ts';
import { noEnrollment } from './missing.ts';
import { enrollmentShape } from './shape.ts';

const document = graphql(`
  query CliEnrollment($id: String!) {
    byId: enrollment(enrollmentId: $id) {
      ...CliEnrollmentFields
    }
    byUdid: enrollment(udid: $id) {
      ...CliEnrollmentFields
    }
    bySerial: enrollments(filter: { serialNumbers: [$id] }, first: 1) {
      edges {
        node {
          ...CliEnrollmentFields
        }
      }
    }
  }
`);

export const enrollmentsShow = command({
  words: ['enrollments', 'show'],
  what: 'shows one enrolment',
  argument: { name: 'ID', what: 'its enrolment id, UDID or serial number' },
  flags: {},
  fields: enrollmentShape.fields,
  examples: ['graphmdm enrollments show C02XK1JKJGH5', 'graphmdm enrollments show ID --json tags'],
  async run({ args: [id = ''], out, connect }) {
    out.demand(enrollmentShape);
    const { byId, byUdid, bySerial } = await connect().query(document, { id });
    const found = byId ?? byUdid ?? bySerial.edges[0]?.node;
    if (!found) throw noEnrollment(id);
    await out.item(enrollmentShape, found);
    return exit.ok;
  },
});
