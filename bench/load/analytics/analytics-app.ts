// What loads need of the app analytics. It is compiled after the bench, so that its own types are not there yet. Runs in load processes.
import { randomUUID } from 'node:crypto'
import type { Client } from '../../../client/index.ts'
import type { QueryDefinition } from '../../../protocol/index.ts'

interface Questions {
  ask(sql: string): Promise<{
    readonly refused: number
    rows(): AsyncGenerator<readonly Readonly<Record<string, unknown>>[], void, undefined>
  }>
  close(): Promise<void>
}

interface Adhoc {
  readonly Questions: {
    open(options: {
      readonly client: Client
      readonly memory: number
      readonly directory: string
    }): Promise<Questions>
  }
}

interface Door {
  readonly client: Client
  readonly now: () => number
  readonly uuid: () => string
}

interface Definitions {
  createQuery(
    door: Door,
    name: string,
    input: Pick<QueryDefinition, 'sql' | 'columns'> & Partial<Pick<QueryDefinition, 'from' | 'time'>>,
  ): Promise<unknown>
  deleteQuery(door: Door, name: string): Promise<unknown>
}

const PACKAGE: string = '@millrace/analytics'

export async function adhoc(): Promise<Adhoc> {
  return (await import(`${PACKAGE}/adhoc`)) as Adhoc
}

export async function queryDefinitions(): Promise<Definitions> {
  return (await import(`${PACKAGE}/definitions`)) as Definitions
}

export function doorOf(client: Client): Door {
  return { client, now: Date.now, uuid: randomUUID }
}
