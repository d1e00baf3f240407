// Files by HTTP: asked for again only where they have changed, as their server tells it. Runs wherever queries do.
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { ReferenceFault, writeCopy, type ReferenceSource } from './reference-source.ts'

export const fetchHttp: ReferenceSource = async ({ name, known, path, bytesMax, signal }) => {
  const answer = await answerTo(name, {
    headers: {
      ...(known?.etag !== undefined && { 'if-none-match': known.etag }),
      ...(known?.modified !== undefined && { 'if-modified-since': known.modified }),
    },
    signal,
  })
  if (answer.status === 304 && known !== undefined) {
    await answer.body?.cancel()
    return undefined
  }
  if (!answer.ok || answer.body === null) {
    await answer.body?.cancel()
    throw new ReferenceFault(`its server answers ${answer.status} ${answer.statusText}`.trimEnd())
  }
  await writeCopy(Readable.fromWeb(answer.body as ReadableStream<Uint8Array>), { path, bytesMax, signal })
  return {
    etag: answer.headers.get('etag') ?? undefined,
    modified: answer.headers.get('last-modified') ?? undefined,
  }
}

async function answerTo(name: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(name, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    // Node says no more than that it failed; why, its cause says.
    const { cause } = error as Error
    throw new ReferenceFault(cause instanceof Error ? cause.message : String(error), { cause: error })
  }
}
