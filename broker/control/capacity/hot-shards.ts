// Finds shards that one hash key alone overloads, whatever the mode of their stream: counts them for operators, and logs
// each when it begins, not at every look. Runs in the controller.
import { hashKeyFromHex, hashKeyToDecimal } from '../../../protocol/shards/hash-key.ts'
import { shardIdOf } from '../../../protocol/shards/shard-id.ts'
import type { Instruments } from '../../telemetry/instruments.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Time } from '../../time.ts'
import { openShardsOf } from '../catalog-state.ts'
import type { Catalog } from '../catalog.ts'
import type { LoadWindows } from './load-windows.ts'
import { hotKeyOf, targetOf } from './scaling-rules.ts'

/** A hot key is logged again only after its load was below the target for this long. */
const FORGOTTEN_AFTER_MS = 600_000

export interface HotShardsOptions {
  readonly catalog: Catalog
  readonly time: Time
  readonly instruments: Pick<Instruments, 'millrace_hot_shards'>
  readonly log: Logger
}

export class HotShards {
  readonly #options: HotShardsOptions
  /** By `streamId/shardIndex`: the hot key that was logged, and when it last took too much. */
  readonly #logged = new Map<string, { readonly hashKey: string; readonly seenAt: number }>()

  constructor(options: HotShardsOptions) {
    this.#options = options
  }

  /** Checks the current loads of all open shards. */
  look(windows: LoadWindows): void {
    const { catalog, time, instruments } = this.#options
    const nowMs = time.elapsed()
    let count = 0
    for (const stream of catalog.state.streams.values()) {
      const target = targetOf(stream.scaling, stream.shardLimits)
      for (const { index } of openShardsOf(catalog.state, stream.id).values()) {
        const shard = { streamId: stream.id, shardIndex: index }
        // Most shards have no hot key, and every look checks all shards, so the rest runs only for the few that have one.
        if (windows.hotOf(shard) === null) continue
        const load = windows.of(shard, nowMs)
        const hashKey = load && hotKeyOf(load, target)
        if (hashKey === undefined) continue
        count += 1
        const id = `${stream.id}/${index}`
        if (this.#logged.get(id)?.hashKey !== hashKey)
          this.#log({ stream: stream.name, index, hashKey, load })
        this.#logged.set(id, { hashKey, seenAt: nowMs })
      }
    }
    for (const [id, { seenAt }] of this.#logged) {
      if (nowMs - seenAt > FORGOTTEN_AFTER_MS) this.#logged.delete(id)
    }
    instruments.millrace_hot_shards.set(count)
  }

  #log(hot: { stream: string; index: number; hashKey: string; load: unknown }): void {
    const hashKey = hashKeyToDecimal(hashKeyFromHex(hot.hashKey))
    this.#options.log.warn(
      { stream: hot.stream, shard: hot.index, hashKey, load: hot.load },
      `${shardIdOf(hot.index)} of ${hot.stream} takes more of one hash key alone than a shard is meant to take; ` +
        'a split around that key keeps it from the others',
    )
  }
}
