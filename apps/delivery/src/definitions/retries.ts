// Wishes that error documents are replayed: documents of the broker, which the app carries out. Runs in every door to deliveries.
import { MillraceError, type Client } from 'millrace'
import { deliveryKinds, type DeliveryDefinition, type DeliveryRetry } from 'millrace/protocol'
import { DeliveryError } from './delivery-error.ts'
import { notFound } from './deliveries.ts'

export interface RetryRim {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** A text that no other wish has. */
  readonly id: () => string
}

/** Asks for a replay of the error documents whose names begin with `prefix`; left out: of all. Throws DeliveryError. */
export async function requestRetry(
  client: Client,
  name: string,
  prefix: string | undefined,
  { now, id }: RetryRim,
): Promise<DeliveryRetry> {
  const document = await client.documents<DeliveryDefinition>(deliveryKinds.definitions).get(name)
  const state = document?.value.state
  if (document === undefined || state === 'deleting' || state === 'making') throw notFound(name)
  if (state === 'paused') {
    throw new DeliveryError(
      'invalid',
      `${name} is paused: its error documents can be replayed once it is resumed.`,
    )
  }
  const retries = client.documents<DeliveryRetry>(deliveryKinds.retries)
  const known = await retries.get(name)
  if (known?.value.state === 'wanted' || known?.value.state === 'running') throw underWay(name)
  const wish: DeliveryRetry = {
    id: id(),
    requestedAt: now(),
    prefix: prefix ?? errorsOf(document.value),
    state: 'wanted',
    documents: 0,
    records: 0,
  }
  try {
    await retries.put(name, wish, { expectedVersion: known?.version ?? 0 })
  } catch (error) {
    throw MillraceError.is(error, 'versionConflict') ? underWay(name) : error
  }
  return wish
}

/** The last wish of a delivery, and how far it is. */
export async function retryOf(client: Client, name: string): Promise<DeliveryRetry | undefined> {
  return (await client.documents<DeliveryRetry>(deliveryKinds.retries).get(name))?.value
}

/** What all names of error documents begin with. */
function errorsOf({ prefix, errorPrefix }: DeliveryDefinition): string {
  const text = errorPrefix === '' ? prefix : errorPrefix
  const expression = text.indexOf('!{')
  return expression < 0 ? text : text.slice(0, expression)
}

function underWay(name: string): DeliveryError {
  return new DeliveryError(
    'exists',
    `Error documents of ${name} are being replayed already: wait until that is done.`,
  )
}
