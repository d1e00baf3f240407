// The agent as the command line runs it, in a process of its own that a test can kill. Started on the compiled command.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { startCommand } from '../../../../test/cli/command.ts'
import type { AgentSnapshot } from '../../src/status/snapshot.ts'

export class RunningAgent implements AsyncDisposable {
  readonly url: string
  readonly #child: ReturnType<typeof startCommand>
  readonly #errors: Promise<string>

  private constructor(url: string, child: ReturnType<typeof startCommand>, errors: Promise<string>) {
    this.url = url
    this.#child = child
    this.#errors = errors
  }

  /** Starts it, and waits for the line that says ready. */
  static async start(config: string, broker: string): Promise<RunningAgent> {
    const child = startCommand(['agent', '--config', config, '--port', '0', '--url', broker])
    const errors = text(child.stderr!)
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const { value = '' } = await lines.next()
    const url = /^agent is ready at (http:\S+) \(broker /.exec(value)?.[1]
    if (url === undefined) throw new Error(`not ready: ${value} ${await errors}`)
    return new RunningAgent(url, child, errors)
  }

  async status(): Promise<AgentSnapshot> {
    return (await (await fetch(`${this.url}/status.json`)).json()) as AgentSnapshot
  }

  /** Kills it without a warning. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Ends it in good order. Returns its exit code and what it said. */
  async interrupt(): Promise<{ code: number | null; stderr: string }> {
    await this.#end('SIGINT')
    return { code: this.#child.exitCode, stderr: await this.#errors }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }
}
