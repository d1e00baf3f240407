// What producers ask of one shard: how much, and of which keys. Host main thread.
// Counters rise for as long as the shard is open here. What is refused for throughput counts too: it is the demand that
// capacity must follow.
import type { KeySample } from './key-sample.ts'

export class ShardLoad {
  /** Bytes of records, and records. */
  bytes = 0
  records = 0
  /** Made when the first keys are looked at. */
  sample: KeySample | undefined
  /** Keys are not looked at before this moment. */
  sampleAt = -Infinity

  count(bytes: number, records: number): void {
    this.bytes += bytes
    this.records += records
  }
}
