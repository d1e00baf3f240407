// A member in a process of its own, as a test sees it: the lines that it prints, and the signals that it gets.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GroupOptions } from '../../../../client/index.ts'

const program = fileURLToPath(new URL('../processes/member.mjs', import.meta.url))
const DEADLINE_MS = 180_000

export class MemberProcess implements AsyncDisposable {
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(url: string, options: Partial<GroupOptions>) {
    this.#child = spawn(process.execPath, [program, url, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#exited = once(this.#child, 'exit')
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(line))
  }

  /** Values in the order in which they were handled. */
  get handled(): string[] {
    return this.lines.flatMap((line) => (line.startsWith('handled ') ? [line.slice('handled '.length)] : []))
  }

  /** Waits until something holds; fails after the test's own deadline. */
  async until(holds: () => boolean): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`it never came to hold: ${this.lines.join('; ')}`)
      await delay(10)
    }
  }

  says(line: string): Promise<void> {
    return this.until(() => this.lines.includes(line))
  }

  tell(line: 'go' | 'stop'): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  /** Waits for its end. */
  async ended(): Promise<void> {
    await this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}
