// The text of an error of the application, as it goes into headers and reports. Runs in the client, pure.

/** Longer texts are cut, so that they fit into a header and a request. */
const CHARACTERS_MAX = 1000

/** Never throws: the message of an application's error may be anything. */
export function errorText(error: Error): string {
  return messageOf(error).slice(0, CHARACTERS_MAX).toWellFormed()
}

function messageOf(error: Error): string {
  try {
    return String(error.message)
  } catch {
    return 'an error whose message is no text'
  }
}
