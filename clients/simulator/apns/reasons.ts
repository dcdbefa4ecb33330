/** Every reason that Apple documents for a refusal, with its status ("Handling notification responses"). */
export const documentedReasons = [
  [400, 'BadCollapseId'],
  [400, 'BadDeviceToken'],
  [400, 'BadExpirationDate'],
  [400, 'BadMessageId'],
  [400, 'BadPriority'],
  [400, 'BadTopic'],
  [400, 'DeviceTokenNotForTopic'],
  [400, 'DuplicateHeaders'],
  [400, 'IdleTimeout'],
  [400, 'InvalidPushType'],
  [400, 'MissingDeviceToken'],
  [400, 'MissingTopic'],
  [400, 'PayloadEmpty'],
  [400, 'TopicDisallowed'],
  [403, 'BadCertificate'],
  [403, 'BadCertificateEnvironment'],
  [403, 'BadEnvironmentKeyInToken'],
  [403, 'ExpiredProviderToken'],
  [403, 'Forbidden'],
  [403, 'InvalidProviderToken'],
  [403, 'MissingProviderToken'],
  [403, 'UnrelatedKeyIdInToken'],
  [404, 'BadPath'],
  [405, 'MethodNotAllowed'],
  [410, 'ExpiredToken'],
  [410, 'Unregistered'],
  [413, 'PayloadTooLarge'],
  [429, 'TooManyProviderTokenUpdates'],
  [429, 'TooManyRequests'],
  [500, 'InternalServerError'],
  [503, 'ServiceUnavailable'],
  [503, 'Shutdown'],
] as const;

export type Reason = (typeof documentedReasons)[number][1];

/** The status that goes with a documented reason. */
export function statusOf(reason: Reason): number {
  return documentedReasons.find(([, known]) => known === reason)?.[0] ?? 500;
}
