// A change of the shards of a stream, as a value: it is carried out at once, or kept and carried out later. Runs in the endpoint.
import { MillraceError, type Client } from 'millrace'

export type ReshardChange =
  | { readonly type: 'split'; readonly shardId: string; readonly at: string }
  | { readonly type: 'merge'; readonly shardId: string; readonly adjacentShardId: string }
  /** To so many shards of even ranges. */
  | { readonly type: 'count'; readonly target: number }

/** Fulfils when the broker has carried the change out, or, of a count, when it works towards it: that goes on by itself. */
export async function carryOut(
  client: Client,
  stream: string,
  change: ReshardChange,
  signal?: AbortSignal,
): Promise<void> {
  const options = signal === undefined ? {} : { signal }
  switch (change.type) {
    case 'split':
      await client.splitShard(stream, change.shardId, { at: change.at, ...options })
      return
    case 'merge':
      await client.mergeShards(stream, change.shardId, change.adjacentShardId, options)
      return
    case 'count':
      return scaleTowards(client, stream, change.target, signal)
  }
}

/** Whether a change that failed so may succeed when it is tried again. */
export function isWorthAnotherTry(error: unknown): boolean {
  return !MillraceError.is(error) || error.retry !== 'never'
}

async function scaleTowards(
  client: Client,
  stream: string,
  target: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const wait = new AbortController()
  const onAbort = (): void => wait.abort()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      client
        .updateShardCount(stream, target, {
          signal: wait.signal,
          onProgress: ({ targetShardCount }) => {
            if (targetShardCount === target) resolve()
          },
        })
        .then(() => resolve(), reject)
    })
  } finally {
    signal?.removeEventListener('abort', onAbort)
    wait.abort()
  }
}
