// Records without a partition key, which streams of AUTO distribution take. Pure but for chance.
// The broker's records all have a key: such a record gets one by chance, by which it finds its shard, and a header says that nobody
// gave it. Native readers see a record whose key is alone; readers of the API see none.
import { randomUUID } from 'node:crypto'

/** Header of a record that was put without a partition key; its value is empty. */
const KEYLESS_HEADER = 'kinesis-no-partition-key'

const NOTHING = new Uint8Array()

/** What stands for the missing key. */
export function keylessFields(): {
  readonly partitionKey: string
  readonly headers: Readonly<Record<string, Uint8Array>>
} {
  return { partitionKey: randomUUID().slice(0, 8), headers: { [KEYLESS_HEADER]: NOTHING } }
}

/** Whether a record was put without a partition key. */
export function isKeyless(headers: Readonly<Record<string, Uint8Array>>): boolean {
  return Object.hasOwn(headers, KEYLESS_HEADER)
}
