// The lanes of a delivery to objects: records, errors and backup, each with its encoder, store and names. Runs in the app.
import type { DeliveryDefinition } from 'millrace/protocol'
import type { ObjectStore } from '../destinations/object-store.ts'
import { errorLine } from '../errors/error-document.ts'
import { objectKey, type KeyForm, type NamedShard } from '../naming/object-key.ts'
import { partitionValues } from '../naming/partition-values.ts'
import { completed, readPrefix } from '../naming/prefix.ts'
import type { PendingObject } from '../progress/shard-progress.ts'
import { Heap, type HeapPlace } from '../spool/heap.ts'
import { Origins } from '../spool/origins.ts'
import type { LaneHeap, LaneRange, LaneTarget, LaneTargets, WriteOptions, Written } from './lane-target.ts'
import { rawEncoder, type ObjectEncoder } from '../engine/object-encoder.ts'
import type { SourceRecord, FunctionAnswered } from '../engine/source-record.ts'

export interface ObjectTargetsParts {
  readonly definition: DeliveryDefinition
  readonly shard: NamedShard
  readonly heaps: HeapPlace
  readonly encoder: ObjectEncoder
  readonly store: ObjectStore
  /** Of the backup; undefined where there is none. */
  readonly backupStore: ObjectStore | undefined
}

/** Objects of one shard that are written at a time. */
const WRITES_MAX = 4

/** Ending of error documents. */
export const ERROR_EXTENSION = '.jsonl'

/** Makes the targets of a shard. */
export function objectTargets(parts: ObjectTargetsParts): LaneTargets {
  const { definition, backupStore } = parts
  const form = formOf(
    definition.prefix,
    'objects',
    definition,
    definition.extension ?? parts.encoder.extension,
  )
  const { backup } = definition
  const main = new Map<string, LaneTarget>()
  return {
    writesMax: WRITES_MAX,
    eagerMax: parts.store.writesMax,
    main: (partition) => {
      if (partition !== '') return new ObjectTarget(parts, { form, partition, part: '' })
      let target = main.get('')
      if (target === undefined)
        main.set('', (target = new ObjectTarget(parts, { form, partition, part: '' })))
      return target
    },
    errors: (type) => errorTarget(parts, type, parts.store),
    backup:
      backup?.mode === 'all' && backupStore !== undefined
        ? backupTarget(parts, backup.prefix, backupStore)
        : undefined,
  }
}

/** The target of records that failed in one way. */
export function errorTarget(
  parts: Omit<ObjectTargetsParts, 'encoder' | 'store' | 'backupStore'>,
  type: string,
  store: ObjectStore,
): LaneTarget {
  const { definition } = parts
  // Lines have their ends already.
  const lines = { ...parts, encoder: rawEncoder(''), store }
  return new ObjectTarget(lines, { form: errorForm(definition), partition: '', part: type })
}

/** The target of records as they came. */
export function backupTarget(
  parts: Omit<ObjectTargetsParts, 'encoder' | 'store' | 'backupStore'>,
  prefix: string,
  store: ObjectStore,
): LaneTarget {
  const { definition } = parts
  const form = formOf(prefix, 'objects', definition, '')
  const raw = { ...parts, encoder: rawEncoder(definition.delimiter), store }
  return new ObjectTarget(raw, { form, partition: '', part: 'backup' })
}

/** How names of error documents are made. */
export function errorForm(definition: DeliveryDefinition): KeyForm {
  // Without a prefix of errors, they stand beside what is delivered.
  const text = definition.errorPrefix === '' ? definition.prefix : definition.errorPrefix
  return formOf(text, 'errors', definition, ERROR_EXTENSION)
}

interface Naming {
  readonly form: KeyForm
  readonly partition: string
  readonly part: string
}

type TargetParts = Omit<ObjectTargetsParts, 'backupStore'>

class ObjectTarget implements LaneTarget {
  readonly bytesMax: number
  readonly recordsMax = Infinity
  readonly #parts: TargetParts
  readonly #naming: Naming

  constructor(parts: TargetParts, naming: Naming) {
    this.#parts = parts
    this.#naming = naming
    this.bytesMax = parts.definition.buffer.bytes
  }

  keysOf({ from, to, ms }: LaneRange): Pick<PendingObject, 'key' | 'errorKey'> | undefined {
    const { definition, shard } = this.#parts
    const { form, partition, part } = this.#naming
    const identity = { ...shard, version: definition.version, from, to, ms, partition }
    const key = objectKey(form, { ...identity, part })
    if (key === undefined || part !== '' || definition.format.type === 'raw')
      return key === undefined ? key : { key }
    // What the format does not take is told apart by its own type, and by the partition that it stood in.
    const errorKey = objectKey(errorForm(definition), { ...identity, part: 'format-conversion-failed' })
    return errorKey === undefined ? undefined : { key, errorKey }
  }

  open(): LaneHeap {
    return new ObjectHeap(this.#parts, this.#naming.partition)
  }

  isThere({ key }: PendingObject, signal: AbortSignal): Promise<boolean> {
    return hasObject(this.#parts.store, key, signal)
  }

  async withdraw({ key, errorKey }: PendingObject, signal: AbortSignal): Promise<void> {
    const { store } = this.#parts
    await store.remove(key, signal)
    if (errorKey !== undefined) await store.remove(errorKey, signal)
  }
}

async function hasObject(store: ObjectStore, key: string, signal: AbortSignal): Promise<boolean> {
  for await (const object of store.list(key, signal)) return object.key === key
  return false
}

class ObjectHeap extends Heap implements LaneHeap {
  readonly #parts: TargetParts
  readonly #partition: string
  /** Where lines come from, where some may be refused. */
  readonly #origins: Origins | undefined

  constructor(parts: TargetParts, partition: string) {
    super(parts.heaps)
    this.#parts = parts
    this.#partition = partition
    this.#origins = parts.encoder.isSelective ? new Origins(parts.heaps) : undefined
  }

  override get memoryBytes(): number {
    return super.memoryBytes + (this.#origins?.memoryBytes ?? 0)
  }

  put(record: SourceRecord, data: Uint8Array): number {
    const before = this.bytes
    const lines = this.#parts.encoder.add(data, this)
    this.endRecord()
    this.#origins?.add(record, lines)
    return this.bytes - before
  }

  override async spill(): Promise<void> {
    await super.spill()
    await this.#origins?.spill()
  }

  override async release(): Promise<void> {
    await super.release()
    await this.#origins?.release()
  }

  async write({ key, errorKey }: PendingObject, { signal, ...steps }: WriteOptions): Promise<Written> {
    const { encoder, store } = this.#parts
    const { content, failed } = await encoder.finish(this, signal)
    // An earlier life may have made it where this one does not.
    if (content !== undefined) await store.write(key, content, signal, steps)
    else await steps.prepared.then(() => store.remove(key, signal))
    if (errorKey === undefined || failed.length === 0) {
      return {
        objects: content === undefined ? 0 : 1,
        bytes: content?.bytes ?? this.bytes,
        failed: failed.length,
      }
    }
    const origins = await this.#origins!.of(failed.map(({ line }) => line))
    const transformed = transformedBy(this.#parts.definition, this.#partition)
    const lines = Buffer.concat(
      failed.map((error, i) => errorLine({ ...error, ...transformed, origin: origins[i]! })),
    )
    await store.write(errorKey, contentOf(lines), signal)
    return { objects: content === undefined ? 1 : 2, bytes: content?.bytes ?? 0, failed: failed.length }
  }
}

/** What records that went through a function say of that, for their replay. */
export function transformedBy(
  { transform }: Pick<DeliveryDefinition, 'transform'>,
  partition: string,
): { readonly transformed?: FunctionAnswered } {
  return transform === undefined
    ? {}
    : { transformed: { partitionKeys: partitionValues(partition).lambda ?? {} } }
}

/** Bytes as content. */
export function contentOf(bytes: Uint8Array): { bytes: number; chunks(): AsyncIterable<Uint8Array> } {
  return {
    bytes: bytes.length,
    async *chunks() {
      yield await Promise.resolve(bytes)
    },
  }
}

function formOf(
  text: string,
  of: 'objects' | 'errors',
  { timeZone }: DeliveryDefinition,
  extension: string,
): KeyForm {
  const prefix = readPrefix(text)
  // It was checked before it was stored.
  if (!('parts' in prefix)) throw new Error(`The prefix ${JSON.stringify(text)} ${prefix.message}.`)
  return { prefix: completed(prefix, of), timeZone, extension }
}
