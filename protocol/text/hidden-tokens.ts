// Hides the secret of a token that stands somewhere in a text: in a wrong field, a name, a URL. Runs anywhere, pure. What is
// printed, logged or told in an error goes through here wherever a person may have put a token into it.

/** `mr_`, the public id, and the secret. Also a secret that was cut off: half of one is still too much. */
const TOKEN = /(mr_[0-9A-Za-z]{16})_[\w-]{8,}/g

/** Says that a text given as a name has a token in it, as the end of a sentence about the name; undefined if it has none. */
export function tokenFault(text: string): string | undefined {
  return hideTokens(text) === text
    ? undefined
    : 'holds a token, which is a secret, and names are not: choose another'
}

/** Returns the text with the secret of each token replaced by `***`; its id stays, so that one can see which token it was. */
export function hideTokens(text: string): string {
  return text.includes('mr_') ? text.replace(TOKEN, '$1_***') : text
}
