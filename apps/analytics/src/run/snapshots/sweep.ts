// Removes the snapshots of queries that are gone, now and then. Runs in the app.
import type { Client } from 'millrace'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { removeGone } from './snapshot-files.ts'

export interface SweepParts {
  readonly client: Pick<Client, 'documents'>
  /** Of the snapshots of one broker. */
  readonly directory: string
  readonly tell: (message: string, error?: unknown) => void
}

const SWEEP_MS = 600_000

/** Sweeps at once, and again until it is closed. */
export function sweepSnapshots(parts: SweepParts): { close(): Promise<void> } {
  let sweeping: Promise<void> | undefined
  const look = (): void => void (sweeping ??= sweep(parts).finally(() => (sweeping = undefined)))
  const timer = setInterval(look, SWEEP_MS)
  look()
  return {
    close: async () => {
      clearInterval(timer)
      await sweeping
    },
  }
}

async function sweep({ client, directory, tell }: SweepParts): Promise<void> {
  try {
    await removeGone(directory, async () => {
      const ids = new Set<string>()
      for await (const { value } of client.documents<QueryDefinition>(queryKinds.queries).list())
        ids.add(value.id)
      return ids
    })
  } catch (error) {
    tell('Snapshots of queries that are gone cannot be removed now.', error)
  }
}
