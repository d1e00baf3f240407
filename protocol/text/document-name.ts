// Checks the kinds and names of documents. Runs anywhere, pure.
import { limits } from '../limits.ts'
import { tokenFault } from './hidden-tokens.ts'
import { quoteText, surrogateFault } from './text.ts'

/** Returns a sentence that says what is wrong with the kind of a document, or undefined if it is valid. */
export function checkDocumentKind(kind: string): string | undefined {
  if (kind.length === 0) return 'The kind of a document must not be empty.'
  if (kind.length > limits.documentKindLengthMax) {
    return `The kind of a document has at most ${limits.documentKindLengthMax} characters; this one has ${kind.length}.`
  }
  const wrong = /[^a-z0-9-]/u.exec(kind)
  if (wrong === null) return undefined
  return `The kind of a document is made of a–z, 0–9 and -; ${quoteText(kind)} has ${quoteText(wrong[0])}.`
}

/** Returns a sentence that says what is wrong with the name of a document, or undefined if it is valid. */
export function checkDocumentName(name: string): string | undefined {
  return name.length === 0 ? 'The name of a document must not be empty.' : checkDocumentPrefix(name)
}

/** Returns a sentence that says why no name of a document begins with this text, or undefined if one may. */
export function checkDocumentPrefix(text: string): string | undefined {
  if (text.length > limits.documentNameLengthMax) {
    return `The name of a document has at most ${limits.documentNameLengthMax} characters; this one has ${text.length}.`
  }
  const token = tokenFault(text)
  if (token !== undefined) return `The name of a document ${token}.`
  const fault = surrogateFault(text)
  if (fault !== undefined) return `The name ${quoteText(text)} ${fault}.`
  if (!/\p{Cc}/u.test(text)) return undefined
  return `The name of a document has no control characters; ${quoteText(text)} has one.`
}
