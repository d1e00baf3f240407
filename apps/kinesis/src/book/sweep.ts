// Removes what is kept of streams and consumers that were deleted by others than an endpoint. Runs in the endpoint.
import { MillraceError, type Client, type KeptDocuments } from 'millrace'
import type { ConsumerDocument, StreamDocument } from './stream-facts.ts'

/**
 * Documents are looked at before the streams: of a stream that is made meanwhile no document is seen, and one that is changed
 * meanwhile stays.
 */
export async function sweepBook(
  own: Client,
  streams: KeptDocuments<StreamDocument>,
  consumers: KeptDocuments<ConsumerDocument>,
): Promise<void> {
  const kept = [...streams.entries()]
  const keptConsumers = [...consumers.entries()]
  if (kept.length === 0 && keptConsumers.length === 0) return
  const ids = new Map<string, number>()
  for await (const { name, id } of own.listStreams()) ids.set(name, id)
  const live = new Set(ids.values())
  for (const [name, { version, value }] of kept) {
    if (ids.get(name) !== value.streamId) await removed(streams.delete(name, version))
  }
  for (const [name, { version, value }] of keptConsumers) {
    if (!live.has(value.streamId)) await removed(consumers.delete(name, version))
  }
}

async function removed(work: Promise<boolean>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!MillraceError.is(error, 'versionConflict')) throw error
  }
}
