// Tokens that stand where they do not belong.
import { describe, expect, it } from 'vitest'
import { wrongWith } from '../../../protocol/access/grant-text.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'
import { checkStreamName } from '../../../protocol/stream-name.ts'
import { checkDocumentName } from '../../../protocol/text/document-name.ts'
import { checkGroupName, checkMemberId } from '../../../protocol/text/group-name.ts'
import { hideTokens } from '../../../protocol/text/hidden-tokens.ts'
import { quoteText } from '../../../protocol/text/text.ts'

const SECRET = 'abcdefghijklmnopqrstuvwxyz-_0123456789ABCDE'
const TOKEN = `mr_0123456789abcdEF_${SECRET}`

describe('hideTokens', () => {
  it.each([TOKEN, `millrace://${TOKEN}@host:7400`, `x${TOKEN}${TOKEN}y`, `"${TOKEN.slice(0, 40)}…"`])(
    'leaves nothing of a secret in %s but shows whose it was',
    (text) => {
      expect(hideTokens(text)).not.toContain(SECRET.slice(0, 8))
      expect(hideTokens(text)).toContain('mr_0123456789abcdEF_***')
    },
  )

  it('changes no other text', () => {
    for (const text of ['', 'mr_', 'mr_smith', 'mr_0123456789abcdEF', 'a stream called orders']) {
      expect(hideTokens(text)).toBe(text)
    }
  })

  it('is done to what errors say and quote', () => {
    expect(new MillraceError('invalidArgument', `There is no ${TOKEN}.`).message).not.toContain(SECRET)
    expect(quoteText(TOKEN)).not.toContain(SECRET.slice(0, 8))
  })
})

it('a grant on what a token names is refused, and not repeated', () => {
  const wrong = wrongWith({ kind: 'stream', pattern: TOKEN, actions: ['read'] })
  expect(wrong).toMatch(/holds a token/)
  expect(wrong).not.toContain(SECRET)
})

describe('a name that holds a token', () => {
  it.each([checkStreamName, checkGroupName, checkMemberId, checkDocumentName])(
    'is refused, and not repeated: %o',
    (check) => {
      expect(check(TOKEN)).toMatch(/holds a token, which is a secret/)
      expect(check(TOKEN)).not.toContain(SECRET)
    },
  )
})
