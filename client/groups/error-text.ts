// The text of an error of the application, as it goes into headers and reports. Runs in the client, pure.
import { isUnreadable } from '../reading/unreadable.ts'

/** Longer texts are cut, so that they fit into a header and a request. */
const CHARACTERS_MAX = 1000

/** Never throws: the message of an application's error may be anything. */
export function errorText(error: Error): string {
  return messageOf(error).slice(0, CHARACTERS_MAX).toWellFormed()
}

/**
 * The text of an error as it goes into reports, which the broker keeps in the open. An error of the application may quote its
 * records, as those of parsers do: of an encrypted stream, only its name is told.
 */
export function reportedText(error: Error, { isEncrypted }: { isEncrypted: boolean }): string {
  if (!isEncrypted || isUnreadable(error)) return errorText(error)
  return `${nameOf(error)}, whose text stays with the member: records of the stream are encrypted`
}

function nameOf(error: Error): string {
  try {
    return errorText(new Error(String(error.name)))
  } catch {
    return 'an error'
  }
}

function messageOf(error: Error): string {
  try {
    return String(error.message)
  } catch {
    return 'an error whose message is no text'
  }
}
