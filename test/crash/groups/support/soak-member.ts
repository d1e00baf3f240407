// A member of the soaked group in a process of its own, and what it has printed.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../processes/soak-member.mjs', import.meta.url))

export class SoakMember {
  readonly memberId: string
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  constructor(url: string, { memberId, leaseMs }: { memberId: string; leaseMs: number }) {
    this.memberId = memberId
    this.#child = spawn(process.execPath, [program, url, memberId, String(leaseMs)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdin!.on('error', () => {})
    const lines = createInterface({ input: this.#child.stdout! })
    lines.on('line', (line) => this.lines.push(line))
    // All that it printed was read, not only: it has ended.
    this.#closed = Promise.all([once(this.#child, 'exit'), once(lines, 'close')])
  }

  get isJoined(): boolean {
    return this.lines.some((line) => line.startsWith('event joined'))
  }

  /** Ends in order, as at a planned restart. */
  async stop(): Promise<void> {
    // The end of its input: it waits for nothing else any more.
    this.#child.stdin!.end('stop\n')
    await this.#closed
  }

  /** Stands still until `goOn`. */
  standStill(): void {
    this.#child.kill('SIGSTOP')
  }

  goOn(): void {
    this.#child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }
}
