/** What Apple said of a push, as it stands in `push_state.outcome`. */
export const namedPushOutcomes = [
  'ACCEPTED',
  'UNREGISTERED',
  'BAD_DEVICE_TOKEN',
  'DEVICE_TOKEN_NOT_FOR_TOPIC',
  'TOPIC_DISALLOWED',
  'CERTIFICATE_REFUSED',
  'NO_CERTIFICATE',
  'NO_PUSH_DATA',
  'REJECTED',
] as const;

/**
 * How pushing stands, in SQL, as the graph shows it in `EnrollmentPush.state`.
 * @param state       alias of a row of `push_state`
 * @param enrollment  alias of its enrolment
 */
export function pushStateOf(state: string, enrollment: string): string {
  const named = namedPushOutcomes.map((outcome) => `'${outcome}'`).join(', ');
  return `case
    when ${state}.outcome is null or ${state}.outcome_at is null
      or ${state}.outcome_at < ${state}.claimed_at
      then case when ${state}.retry_at is null then 'UNKNOWN' else 'PENDING' end
    when ${state}.retry_at is not null
      then case when ${state}.outcome in (${named}) then 'PENDING' else 'RETRYING' end
    when ${state}.token_updated_at is distinct from ${enrollment}.token_updated_at then 'UNKNOWN'
    when ${state}.outcome in (${named}) then ${state}.outcome
    else 'UNAVAILABLE' end`;
}
