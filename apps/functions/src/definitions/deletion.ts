// The end of mappings and functions. Runs wherever there is a client. A mapping is marked first, so that no app goes on with it; its group,
// what was kept of it and the mapping itself go when no app has the group any more: the app does the rest where the caller cannot.
import { MillraceError, type Client } from 'millrace'
import { functionKinds, MAPPING_BEING_MADE } from 'millrace/protocol'
import { DefinitionFault } from './definition-fault.ts'
import { functionExists, functionsOf, noFunction, type DefinitionDoor } from './functions.ts'
import { getMapping, listMappings, mappingGroup, mappingsOf, type NamedMapping } from './mappings.ts'

/** Deletes a mapping: at once, or as soon as the app has stopped it. Resolves with how it was. */
export async function deleteMapping(
  { client, now }: Pick<DefinitionDoor, 'client' | 'now'>,
  uuid: string,
): Promise<NamedMapping> {
  await getMapping(client, uuid)
  const { value: mapping } = await mappingsOf(client).update(uuid, (found) => {
    if (found === undefined)
      throw new DefinitionFault('missing', '', `There is no event source mapping ${uuid}.`)
    return found.state === 'deleting' ? found : { ...found, state: 'deleting', updatedAt: now() }
  })
  await finishDeletion(client, uuid)
  return { uuid, mapping }
}

/** Marks a mapping for its end that somebody began to make. Rejects where it is made by now. */
export async function giveUpMaking(client: Client, uuid: string): Promise<void> {
  await mappingsOf(client).update(uuid, (found) => {
    if (found?.version === MAPPING_BEING_MADE) return { ...found, state: 'deleting' }
    throw new DefinitionFault('missing', '', `The mapping ${uuid} is made or gone by now.`)
  })
}

/** Removes all that is left of a mapping that is marked. Resolves with false while a member has its group. */
export async function finishDeletion(client: Client, uuid: string): Promise<boolean> {
  try {
    await client.deleteGroup(mappingGroup(uuid))
  } catch (error) {
    if (MillraceError.is(error, 'groupInUse')) return false
    if (!MillraceError.is(error, 'groupNotFound')) throw error
  }
  const progress = client.documents(functionKinds.progress)
  const names: string[] = []
  for await (const { name } of progress.list({ prefix: `${uuid}/` })) names.push(name)
  for (const name of names) await progress.delete(name)
  await client.documents(functionKinds.reports).delete(uuid)
  await mappingsOf(client).delete(uuid)
  return true
}

/** Deletes a function: with its mappings, or only if it has none. */
export async function deleteFunction(
  door: Pick<DefinitionDoor, 'client' | 'now'>,
  name: string,
  { withMappings = false }: { readonly withMappings?: boolean } = {},
): Promise<void> {
  const { client } = door
  if (!(await functionExists(client, name))) throw noFunction(name)
  const mappings = await listMappings(client, { function: name })
  if (mappings.length > 0 && !withMappings) {
    const uuids = mappings.map(({ uuid }) => uuid).join(', ')
    throw new DefinitionFault(
      'inUse',
      '',
      `The function ${name} is used by the event source mappings ${uuids}.`,
    )
  }
  for (const { uuid } of mappings) await deleteMapping(door, uuid)
  await functionsOf(client).delete(name)
}
