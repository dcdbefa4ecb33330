const secretName =
  /password|passcode|passphrase|^pin$|secret|challenge|token|recoverykey|bypasscode|privatekey|redemptioncode|pushmagic/i;

/** Names that the pattern would take, and why their values are no secrets. */
const harmless: Readonly<Record<string, string>> = {
  ServerToken: 'the revision of a declaration',
  'server-token': 'the revision of a declaration',
  DeclarationsToken: 'the revision of all declarations',
  SyncTokens: 'revisions of declarations',
  PushToken: 'no use without push magic and private key; would seal every DeviceInformation result',
  OAuthTokenRequestURL: 'an address',
  TokenRequestURL: 'an address',
  SafariPasswordAutoFillDomainsItem: 'a domain',
  passwordContentRegex: 'a rule for passwords',
};

/**
 * Whether a key's name says that its value is a secret. The rule behind the catalogue's marks, and
 * the only rule for keys that Apple's schema does not know.
 */
export function isSecretName(key: string): boolean {
  return secretName.test(key) && !Object.hasOwn(harmless, key);
}
