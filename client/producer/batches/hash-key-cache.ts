// Hash keys of the partition keys used last: an MD5 costs several times a look into a table, and most streams see their
// keys again and again. Runs in the client, pure. Bounded; and where keys hardly ever come back, it steps aside.
import { hashPartitionKey } from '../../../protocol/shards/hash-key.ts'
import { limits } from '../../../protocol/limits.ts'

/** Keys remembered. Sixteen bytes each, beside the strings. */
const KEYS_MAX = 16_384
/** How many keys are hashed without a look into the table after it has proved useless. */
const REST_KEYS = 64 * KEYS_MAX
/** Shorter cuts are copied by V8 anyway. */
const SLICED_LENGTH_MIN = 13

export class HashKeyCache {
  /** Hash keys, four words each: what `find` answers is a place in here, valid until the next call. */
  readonly words = new Uint32Array((KEYS_MAX + 1) * 4)
  readonly #places = new Map<string, number>()
  #hits = 0
  #resting = 0

  /** Where in `words` the hash key of a partition key stands. */
  find(partitionKey: string): number {
    if (this.#resting > 0 || partitionKey.length > limits.partitionKeyLengthMax) {
      if (this.#resting > 0) this.#resting--
      // The last place belongs to no cached key.
      hashPartitionKey(partitionKey, this.words, KEYS_MAX * 4)
      return KEYS_MAX * 4
    }
    const known = this.#places.get(partitionKey)
    if (known !== undefined) {
      this.#hits++
      return known
    }
    if (this.#places.size === KEYS_MAX) this.#startOver()
    const place = this.#places.size * 4
    hashPartitionKey(partitionKey, this.words, place)
    this.#places.set(ownCopy(partitionKey), place)
    return place
  }

  /** The table is full: forget all, and rest where fewer than half of the lookups found something. */
  #startOver(): void {
    if (this.#hits < KEYS_MAX) this.#resting = REST_KEYS
    this.#hits = 0
    this.#places.clear()
  }
}

/**
 * The same text in memory of its own. A key that was cut out of a longer text is a view on it in V8, and would keep all
 * of that text for as long as the key is remembered.
 */
function ownCopy(text: string): string {
  return text.length < SLICED_LENGTH_MIN ? text : Buffer.from(text).toString()
}
