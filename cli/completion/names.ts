// Asks for names that complete a word, of the broker where the verb on the line would connect. Nobody is told when that fails, and
// it never takes long: a person waits with a key pressed.
import type { Client } from '../../client/index.ts'
import { queryKinds } from '../../protocol/apps/query-definition.ts'
import { credentialsOf } from '../connecting/credentials.ts'
import { readProfiles } from '../connecting/profile-file.ts'
import { resolveTarget } from '../connecting/resolve.ts'
import type { Surroundings } from '../connecting/surroundings.ts'
import type { Asked, NameKind } from './asked.ts'

/** More names than that help nobody. */
const NAMES_MAX = 1000

/** Passes on names as they come, until the signal fires. Rejects if they cannot be had. */
export async function askNames(
  { names, stream, connection }: Asked,
  {
    surroundings,
    signal,
    onName,
  }: { surroundings: Surroundings; signal: AbortSignal; onName: (name: string) => void },
): Promise<void> {
  if (names === undefined) return
  if (names === 'profile') {
    for (const name of Object.keys(readProfiles(surroundings).profiles).sort()) onName(name)
    return
  }
  const target = resolveTarget(connection, surroundings)
  const { connect } = await import('../../client/index.ts')
  const credentials = await credentialsOf(target)
  await using client = await connect(target.url, {
    clientName: 'millrace-completion',
    signal,
    ...credentials,
  })
  let count = 0
  for await (const name of namesOf(client, names, stream)) {
    onName(name)
    if (++count >= NAMES_MAX) return
  }
}

async function* namesOf(
  client: Client,
  kind: Exclude<NameKind, 'profile'>,
  stream: string | undefined,
): AsyncGenerator<string> {
  if (kind === 'stream') for await (const { name } of client.listStreams()) yield name
  if (kind === 'group') for await (const { name } of client.listGroups()) yield name
  if (kind === 'principal') for await (const { name } of client.access.listPrincipals()) yield name
  if (kind === 'token') for await (const { id } of client.access.listTokens()) yield id
  if (kind === 'access-key') for await (const { id } of client.access.listAccessKeys()) yield id
  if (kind === 'query') for await (const { name } of client.documents(queryKinds.queries).list()) yield name
  if (stream === undefined) return
  if (kind === 'shard') for await (const { shardId } of client.listShards(stream)) yield shardId
  if (kind === 'consumer') for await (const { name } of client.listConsumers(stream)) yield name
}
