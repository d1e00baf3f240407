// Functions that run in threads, with modules written for the test, for tests that are about what becomes of calls.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FunctionDefinition } from 'millrace/protocol'
import { FunctionLog, type LoggedLine } from '#dist/logs/function-log.js'
import { Functions, type CallOptions, type CallOutcome } from '#dist/runtime/functions.js'
import { runtimeLimits, type RuntimeLimits } from '#dist/runtime/limits.js'
import { watchModule } from '#dist/runtime/module-watch.js'
import { HttpTargets } from '#dist/wire/http-targets.js'

export class RunningFunctions implements AsyncDisposable {
  readonly lines: (LoggedLine & { readonly name: string })[] = []
  readonly functions: Functions
  readonly #folder: string
  readonly #definitions = new Map<string, FunctionDefinition>()

  private constructor(folder: string, limits: Partial<RuntimeLimits>, threads: number) {
    this.#folder = folder
    let ids = 0
    this.functions = new Functions({
      book: this.#definitions,
      log: new FunctionLog({
        sink: { write: (name, line) => void this.lines.push({ name, ...line }) },
        now: () => Date.now(),
      }),
      http: new HttpTargets(),
      watch: watchModule,
      threads,
      limits: { ...runtimeLimits, ...limits },
      monotonic: () => performance.now(),
      newId: () => `call-${++ids}`,
    })
  }

  static async start({
    limits = {},
    threads = 1,
  }: { limits?: Partial<RuntimeLimits>; threads?: number } = {}) {
    return new RunningFunctions(await mkdtemp(join(tmpdir(), 'functions-')), limits, threads)
  }

  /** Writes a file beside the modules. */
  async write(file: string, source: string): Promise<string> {
    const path = join(this.#folder, file)
    await writeFile(path, source)
    return path
  }

  /** Makes a function of a module, or changes it. */
  async define(
    name: string,
    source: string,
    changes: Partial<FunctionDefinition> & { file?: string; handler?: string } = {},
  ) {
    const { file = `${name}.mjs`, handler = 'handler', ...rest } = changes
    const path = await this.write(file, source)
    this.defineAs(name, { target: { type: 'module', path, handler }, ...rest })
  }

  defineAs(name: string, changes: Partial<FunctionDefinition>): void {
    const known = this.#definitions.get(name)
    this.#definitions.set(name, {
      createdAt: 1,
      updatedAt: 1,
      target: { type: 'http', url: 'http://127.0.0.1:1' },
      timeoutMs: 60_000,
      memoryMiB: 128,
      environment: {},
      isWatched: false,
      tags: {},
      ...changes,
      version: (known?.version ?? 0) + 1,
    })
  }

  call(name: string, event: unknown = {}, options: CallOptions = {}): Promise<CallOutcome> {
    return this.functions.call(name, { kind: 'json', payload: Buffer.from(JSON.stringify(event)) }, options)
  }

  /** The value that a call gives, or the error that it fails with. */
  async result(name: string, event: unknown = {}): Promise<unknown> {
    const { result } = await this.call(name, event)
    return result.ok ? JSON.parse(result.json) : result.error
  }

  async [Symbol.asyncDispose]() {
    await this.functions.close()
    await rm(this.#folder, { recursive: true })
  }
}
