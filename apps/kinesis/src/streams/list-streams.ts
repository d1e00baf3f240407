// ListStreams. Runs in the endpoint.
import type { Stream } from 'millrace'
import type { Call } from '../call.ts'
import type { EndpointParts } from '../parts.ts'
import { placeOf } from '../book/stream-view.ts'
import { openToken, sealToken } from '../book/page-tokens.ts'
import { KinesisError } from '../model/errors.ts'
import type { OutputOf } from '../model/operations.ts'
import { translated } from '../native-errors.ts'
import { createdAtOf, modeOf } from './descriptions.ts'

/** Streams in one answer, however many are asked for. */
const STREAMS_MAX = 100

/** Lists the streams that the caller may see, by name, a page at a time. */
export async function listStreams(
  parts: EndpointParts,
  call: Call<'ListStreams'>,
): Promise<OutputOf<'ListStreams'>> {
  const { Limit: asked = STREAMS_MAX } = call.input
  const limit = Math.min(asked, STREAMS_MAX)
  const { streams, hasMore } = await translated(placeOf(call, parts.settings.account), () =>
    pageOf(parts, call, { after: startOf(parts, call.input), limit }),
  )
  const last = streams.at(-1)
  return {
    StreamNames: streams.map(({ name }) => name),
    HasMoreStreams: hasMore,
    ...(hasMore && last !== undefined ? { NextToken: sealToken(parts, ['streams', last.name]) } : {}),
    StreamSummaries: streams.map((stream) => {
      const { name, arn, status } = parts.book.view(call, stream)
      return {
        StreamName: name,
        StreamARN: arn,
        StreamStatus: status,
        StreamModeDetails: { StreamMode: modeOf(stream) },
        StreamCreationTimestamp: createdAtOf(stream),
      }
    }),
  }
}

function startOf(parts: EndpointParts, input: Call<'ListStreams'>['input']): string | undefined {
  const { NextToken: token, ExclusiveStartStreamName: name } = input
  if (token === undefined) return name
  if (name !== undefined) {
    const message = 'NextToken and ExclusiveStartStreamName cannot be provided together.'
    throw new KinesisError('InvalidArgumentException', message)
  }
  const [, after] = openToken<['streams', string]>(parts, token, 'streams')
  return after
}

async function pageOf(
  parts: EndpointParts,
  call: Call<'ListStreams'>,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<{ readonly streams: readonly Stream[]; readonly hasMore: boolean }> {
  const streams: Stream[] = []
  let next = after
  for (;;) {
    // One more tells whether more follow, though some of them may be gone for clients.
    const page = await call.caller.client.listStreams().page({ limit: limit + 1, after: next })
    streams.push(...page.items.filter((stream) => !parts.book.isGone(stream)))
    if (streams.length > limit) return { streams: streams.slice(0, limit), hasMore: true }
    if (page.next === undefined) return { streams, hasMore: false }
    next = page.next
  }
}
