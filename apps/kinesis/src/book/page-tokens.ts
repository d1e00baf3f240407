// Tokens with which listings go on, and their refusals. Runs in the endpoint.
import { openPageToken, sealPageToken } from '../identifiers/page-token.ts'
import { KinesisError } from '../model/errors.ts'
import type { EndpointParts } from '../parts.ts'

type Parts = Pick<EndpointParts, 'seal' | 'now'>

/** Makes a token: `content` begins with the name of the listing. */
export function sealToken({ seal, now }: Parts, content: readonly [string, ...unknown[]]): string {
  return sealPageToken(seal, content, now())
}

/** What a token of this listing carries. Refuses a token that is too old, and one that this endpoint did not make for it. */
export function openToken<T extends readonly [string, ...unknown[]]>(
  { seal, now }: Parts,
  text: string,
  listing: T[0],
): T {
  const token = openPageToken<T>(seal, text, now())
  if (token?.expired === true) {
    const message = `NextToken was created at ${new Date(token.createdAtMs).toUTCString()}, more than 300 seconds ago, and has expired.`
    throw new KinesisError('ExpiredNextTokenException', message)
  }
  if (token === undefined || token.content[0] !== listing) {
    throw new KinesisError('InvalidArgumentException', 'Invalid NextToken.')
  }
  return token.content
}
