// Brings documents about given-up records to the destination of a mapping: a stream, the stream of a delivery, or an HTTP endpoint. Runs in the app.
// Each send is one attempt: who asks for it tries again.
import { MillraceError, type Client } from 'millrace'
import { deliveryKinds, type DeliveryDefinition, type FailureDestination } from 'millrace/protocol'
import type { FailureDocument } from './failure-document.ts'

/** Posts JSON; resolves with the status. Rejects where there is no answer. */
export type PostJson = (url: string, body: string, signal: AbortSignal) => Promise<number>

export interface FailureSenderParts {
  readonly client: Pick<Client, 'put' | 'documents'>
  readonly post: PostJson
}

/** Sends a document once; rejects with a sentence where the destination does not take it. */
export async function sendFailure(
  { client, post }: FailureSenderParts,
  destination: FailureDestination,
  document: FailureDocument,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify(document)
  if (destination.type === 'http') {
    const status = await post(destination.url, body, signal)
    if (status >= 200 && status < 300) return
    throw new Error(`${destination.url} answered with the status ${status}.`)
  }
  const stream =
    destination.type === 'stream' ? destination.stream : await streamOf(client, destination.delivery)
  // Documents about one shard stay in order.
  await client.put(stream, { partitionKey: document.KinesisBatchInfo.shardId, data: body }, { signal })
}

async function streamOf(client: Pick<Client, 'documents'>, delivery: string): Promise<string> {
  const found = await client.documents<DeliveryDefinition>(deliveryKinds.definitions).get(delivery)
  if (found !== undefined) return found.value.source.stream
  throw new MillraceError('documentNotFound', `There is no delivery ${delivery}.`)
}
