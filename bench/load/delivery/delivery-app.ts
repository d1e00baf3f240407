// What loads need of the app delivery. It is compiled after the bench, so that its own types are not there yet. Runs in load processes.
import type { Client } from '../../../client/index.ts'

interface Definitions {
  createDelivery(client: Client, name: string, input: object): Promise<unknown>
  markDeleting(client: Client, name: string): Promise<unknown>
  groupOfDelivery(name: string): string
}

const PACKAGE: string = '@millrace/delivery'

export async function deliveryDefinitions(): Promise<Definitions> {
  return (await import(`${PACKAGE}/definitions`)) as Definitions
}
