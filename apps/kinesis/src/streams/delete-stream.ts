// DeleteStream. Runs in the endpoint.
import type { Call } from '../call.ts'
import { stateFor, streamToManage } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { placeOf, requireActive, type StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import { translated } from '../native-errors.ts'

/** Deletes a stream; with a delay it is DELETING first, and serves records until it is gone. */
export async function deleteStream(
  parts: EndpointParts,
  call: Call<'DeleteStream'>,
): Promise<Record<string, never>> {
  const { book, settings } = parts
  const view = await streamToManage(parts, call)
  // As the service does, it deletes a stream that is being created. The broker can also delete one whose shards are being split.
  if (view.status !== view.stream.status && view.status !== 'CREATING') requireActive(view, settings.account)
  if (call.input.EnforceConsumerDeletion !== true) await requireNoConsumers(parts, view)
  const deleting = stateFor(parts, 'DELETING')
  if (deleting !== undefined) {
    const hidesShards = view.status === 'CREATING'
    await book.update(view, (facts) => ({ ...facts, statusUntil: { ...deleting, hidesShards } }))
    return {}
  }
  const place = placeOf(call, settings.account, view.name)
  await translated(place, () => call.caller.client.deleteStream(view.name))
  await book.forget(view)
  return {}
}

async function requireNoConsumers({ own, settings }: EndpointParts, { name }: StreamView): Promise<void> {
  const { items } = await own.listConsumers(name).page({ limit: 1 })
  if (items.length === 0) return
  const message =
    `Stream ${name} under account ${settings.account} has registered consumers. Deregister them, or set ` +
    'EnforceConsumerDeletion to delete them with the stream.'
  throw new KinesisError('ResourceInUseException', message)
}
