// Two copies of the app, one after the other: the first dies once, at a point at which it keeps what it has done, and the other goes on.
import { once } from 'node:events'
import type { QueryProgress } from '../../src/run/place/query-place.ts'
import type { QueryApp } from './query-app.ts'

/** When a copy dies: before it has kept its progress for the nth time, or a little after that. */
export interface Death {
  readonly put: number
  readonly when: 'before' | 'later'
}

export interface MortalCopy {
  /** How often the first copy kept its progress. */
  readonly puts: () => number
  /** Ends both, in good order; the other is not begun any more. `before` runs when that is certain. */
  readonly end: (before?: () => Promise<unknown>) => Promise<void>
}

/** Starts copies for the query that reads a stream, `clicks`. */
export async function startMortal(
  app: QueryApp,
  {
    own,
    clicks,
    death,
  }: { readonly own: string; readonly clicks: string; readonly death: Death | undefined },
): Promise<MortalCopy> {
  let puts = 0
  const dying = new AbortController()
  const ended = new AbortController()
  const onProgress = (when: 'before' | 'after', progress: QueryProgress): void => {
    if (!progress.definition.sql.includes(clicks)) return
    if (when === 'before') puts++
    if (puts !== death?.put || dying.signal.aborted) return
    if (death.when === 'later') setTimeout(() => dying.abort(), 1)
    else if (death.when === when) {
      dying.abort()
      throw new Error('It has died.')
    }
  }
  const first = await app.start({ own, death: dying.signal, onProgress })
  const revived = (async () => {
    if (!dying.signal.aborted) await once(dying.signal, 'abort', { signal: ended.signal })
    await first.close()
    return app.start({ own })
  })()
  revived.catch(() => {})
  return {
    puts: () => puts,
    end: async (before) => {
      ended.abort()
      await before?.()
      await first.close()
      await revived.then((next) => next.close()).catch(() => {})
    },
  }
}
