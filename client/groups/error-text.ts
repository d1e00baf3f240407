// The text of an error of the application, as it goes into headers and reports. Runs in the client, pure.

/** Longer texts are cut, so that they fit into a header and a request. */
const CHARACTERS_MAX = 1000

export function errorText({ message }: Error): string {
  return String(message).slice(0, CHARACTERS_MAX).toWellFormed()
}
