// A function that is a module: its threads, made anew for each version of its definition and each change of a watched file, while calls
// under way end in the old ones. Runs in the app.
import type { FunctionDefinition } from 'millrace/protocol'
import { functionArn, functionEnvironment } from './function-environment.ts'
import { ModulePool, type ModuleCall, type ModulePoolOptions } from './module-pool.ts'
import type { ModuleWatch, WatchModule } from './module-watch.ts'
import type { ThreadAnswer } from './thread-contract.ts'

export type ModuleDefinition = FunctionDefinition & {
  readonly target: Extract<FunctionDefinition['target'], { readonly type: 'module' }>
}

export interface ModuleTargetParts extends Pick<
  ModulePoolOptions,
  'limits' | 'monotonic' | 'onPrinted' | 'threads'
> {
  readonly name: string
  readonly watch: WatchModule
}

export class ModuleTarget {
  readonly #parts: ModuleTargetParts
  readonly #closing = new Set<Promise<void>>()
  #definition: ModuleDefinition
  #pool: ModulePool | undefined
  #watch: ModuleWatch | undefined
  #isStale = false

  constructor(definition: ModuleDefinition, parts: ModuleTargetParts) {
    this.#definition = definition
    this.#parts = parts
  }

  /** The definition that calls go by from now on. */
  update(definition: ModuleDefinition): void {
    if (
      definition.version === this.#definition.version &&
      definition.createdAt === this.#definition.createdAt
    )
      return
    this.#definition = definition
    this.#isStale = true
  }

  /** As of ModulePool. */
  call(call: ModuleCall): Promise<ThreadAnswer> {
    if (this.#isStale) this.#retire()
    this.#pool ??= this.#open()
    return this.#pool.call(call)
  }

  /** Lets calls under way end for a while, then ends the threads. */
  async close(): Promise<void> {
    this.#retire()
    await Promise.all(this.#closing)
  }

  #open(): ModulePool {
    const { name, watch, ...parts } = this.#parts
    const { target, memoryMiB, isWatched } = this.#definition
    if (isWatched) this.#watch = watch(target.path, () => (this.#isStale = true))
    return new ModulePool({
      ...parts,
      environment: functionEnvironment(name, this.#definition),
      setup: {
        path: target.path,
        handler: target.handler,
        memoryMiB,
        functionName: name,
        functionArn: functionArn(name),
        limits: parts.limits,
      },
    })
  }

  #retire(): void {
    this.#isStale = false
    this.#watch?.close()
    this.#watch = undefined
    const pool = this.#pool
    if (pool === undefined) return
    this.#pool = undefined
    const closed = pool.close().finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }
}
