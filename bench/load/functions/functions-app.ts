// What loads need of the app functions. It is compiled after the bench, so that its own types are not there yet. Runs in load processes.
import { randomUUID } from 'node:crypto'
import type { Client } from '../../../client/index.ts'
import type { EventSourceMapping, FunctionDefinition } from '../../../protocol/index.ts'

interface Door {
  readonly client: Client
  readonly now: () => number
  readonly uuid: () => string
}

interface Definitions {
  createFunction(
    door: Door,
    name: string,
    input: Pick<FunctionDefinition, 'target'> & Partial<FunctionDefinition>,
  ): Promise<unknown>
  createMapping(
    door: Door,
    input: Partial<Omit<EventSourceMapping, 'source'>> & {
      readonly function: string
      readonly source: { readonly stream: string }
    },
  ): Promise<{ readonly uuid: string }>
  deleteMapping(door: Door, uuid: string): Promise<unknown>
  mappingGroup(uuid: string): string
}

const PACKAGE: string = '@millrace/functions'

export async function functionDefinitions(): Promise<Definitions> {
  return (await import(`${PACKAGE}/definitions`)) as Definitions
}

export function doorOf(client: Client): Door {
  return { client, now: Date.now, uuid: randomUUID }
}
