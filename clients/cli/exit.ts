/** What the program exits with; documented in docs/clients.md. */
export const exit = {
  ok: 0,
  /** It was not done; stderr says why. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No token, a bad one, or one that may not do this. */
  unauthorised: 3,
  /** It was done for some targets and not for others, or some answered with an error. */
  partly: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
