// Load: members of one group that wait for a checkpoint behind each record. Runs in a load process. Every member has a client
// of its own, as if it were a process.
import { connect } from '../../../client/index.ts'
import { monotonicMs } from '../../harness/clock.ts'
import type { LoadControl } from '../job.ts'

export interface GroupCheckpointsSettings {
  readonly url: string
  readonly stream: string
  readonly group: string
  /** Begins the names of the members. */
  readonly prefix: string
  readonly members: number
  /** From the first checkpoint in this process on. */
  readonly warmUpSeconds: number
  readonly seconds: number
}

export interface GroupCheckpointsResult {
  /** Checkpoints that were waited for. */
  readonly stored: number
  /** In so many seconds. Fewer than were asked for if the stream ended. */
  readonly seconds: number
}

/** Reports when the first checkpoint is stored; ends by itself. */
export async function runGroupCheckpoints(
  settings: GroupCheckpointsSettings,
  control: LoadControl,
): Promise<GroupCheckpointsResult> {
  const { url, stream, group: name, members, prefix } = settings
  const clients = await Promise.all(Array.from({ length: members }, () => connect(url)))
  const window = new CountingWindow(settings, () => control.ready())
  const joined = clients.map((client, index) => {
    const group = client.group({ stream, name, memberId: `${prefix}-${index}`, checkpoint: 'manual' })
    const running = group.run(async (records, context) => {
      for (const record of records) {
        // What is left when the time is over is passed by.
        if (window.isOver) return
        await context.checkpoint(record)
        window.count()
      }
    })
    return { group, running }
  })
  await Promise.race([window.over, ...joined.map(({ running }) => running)])
  await Promise.all(joined.map(({ group }) => group.stop()))
  await Promise.all(joined.map(({ running }) => running))
  await Promise.all(clients.map((client) => client.close()))
  return window.counted
}

/** Counts what happens in a time that begins some time after the first. */
class CountingWindow {
  readonly over: Promise<void>
  isOver = false
  readonly #warmUpMs: number
  readonly #lengthMs: number
  readonly #onFirst: () => void
  readonly #end: () => void
  #startsAt = Infinity
  #lastAt = -Infinity
  #count = 0

  constructor(
    { warmUpSeconds, seconds }: Pick<GroupCheckpointsSettings, 'warmUpSeconds' | 'seconds'>,
    onFirst: () => void,
  ) {
    this.#warmUpMs = warmUpSeconds * 1000
    this.#lengthMs = seconds * 1000
    this.#onFirst = onFirst
    let end: () => void
    this.over = new Promise((resolve) => (end = resolve))
    this.#end = () => {
      this.isOver = true
      end()
    }
  }

  count(): void {
    const now = monotonicMs()
    if (this.#startsAt === Infinity) {
      this.#startsAt = now + this.#warmUpMs
      setTimeout(this.#end, this.#warmUpMs + this.#lengthMs)
      this.#onFirst()
    }
    if (this.isOver || now < this.#startsAt) return
    this.#count++
    this.#lastAt = now
  }

  get counted(): GroupCheckpointsResult {
    return { stored: this.#count, seconds: Math.max(0, this.#lastAt - this.#startsAt) / 1000 }
  }
}
