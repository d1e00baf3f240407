// Deletes a delivery with all that belongs to it: group, progress, verdict, its own stream, and last the definition. Runs in every door
// to deliveries and in the app; each step may have been done by another, so whoever comes first does it.
import { MillraceError, type Client } from 'millrace'
import { deleteOwnStream } from 'millrace/app'
import { deliveryKinds, type DeliveryDefinition } from 'millrace/protocol'
import { groupOfDelivery, notFound, progressPrefix } from './deliveries.ts'

/** Says that a delivery is to be deleted: apps leave it. Throws DeliveryError `notFound`. */
export async function markDeleting(client: Client, name: string): Promise<void> {
  await client.documents<DeliveryDefinition>(deliveryKinds.definitions).update(name, (before) => {
    if (before === undefined) throw notFound(name)
    return { ...before, state: 'deleting' }
  })
}

/** True while apps still work on the delivery. */
export async function isInUse(client: Client, name: string): Promise<boolean> {
  try {
    const { members } = await client.describeGroup(groupOfDelivery(name))
    return members.length > 0
  } catch (error) {
    if (MillraceError.is(error, 'groupNotFound')) return false
    throw error
  }
}

/** Deletes all of a delivery that is being deleted. What is written stays. */
export async function removeDelivery(client: Client, name: string): Promise<void> {
  const deliveries = client.documents<DeliveryDefinition>(deliveryKinds.definitions)
  const document = await deliveries.get(name)
  if (document === undefined || document.value.state !== 'deleting') return
  await unless('groupNotFound', client.deleteGroup(groupOfDelivery(name), { force: true }))
  const progress = client.documents(deliveryKinds.progress)
  for await (const { name: each } of progress.list({ prefix: progressPrefix(name) }))
    await progress.delete(each)
  await client.documents(deliveryKinds.verdicts).delete(name)
  await client.documents(deliveryKinds.retries).delete(name)
  await deleteOwnStream(client, name, document.value)
  await unless('versionConflict', deliveries.delete(name, { expectedVersion: document.version }))
}

async function unless(code: 'groupNotFound' | 'versionConflict', done: Promise<unknown>): Promise<void> {
  try {
    await done
  } catch (error) {
    if (!MillraceError.is(error, code)) throw error
  }
}
