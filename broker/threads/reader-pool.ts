// Starts the reader pool and sends it tasks. Runs on a host's main thread, which must never wait for the disk. Reads
// change nothing, so a task that failed may be sent again.
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { refusal } from '../../protocol/refusal.ts'
import type { ReadReply, ReadTask, SeekReply, SeekTask, SegmentReader } from './reader-contract.ts'
import { resultOf, type TaskRefusal } from './task-answer.ts'

/** Tasks that may wait for a thread. Each host bounds its readers, so correct hosts never reach this. */
const TASKS_WAITING_MAX = 4096

type Pool = Piscina<ReadTask | SeekTask, ReadReply | SeekReply | TaskRefusal>

function openPool(options: { threads: number; workerUrl: URL }): Pool {
  return new Piscina<ReadTask | SeekTask, ReadReply | SeekReply | TaskRefusal>({
    filename: fileURLToPath(options.workerUrl),
    name: 'run',
    minThreads: 1,
    maxThreads: options.threads,
    idleTimeout: 30_000,
    // A task blocks its thread on the disk, so each task needs its own thread.
    concurrentTasksPerWorker: 1,
    maxQueue: TASKS_WAITING_MAX,
    // Idle threads must run their timers, which close the active segment so that its owner can reopen it.
    atomics: 'disabled',
  })
}

/**
 * Creates a pool whose threads start when needed. `workerUrl` is storage's reader worker. No thread runs before the
 * first task: ending a thread while it loads can crash the process, and a host that fails to start closes at once.
 */
export function createReaderPool(options: { threads: number; workerUrl: URL }): SegmentReader {
  let opened: Pool | undefined
  let isClosed = false

  async function run(task: ReadTask | SeekTask): Promise<ReadReply | SeekReply> {
    if (isClosed) throw refusal('unavailable', 'This host has stopped reading.')
    const pool = (opened ??= openPool(options))
    const answer = await pool.run(task).catch((error: unknown) => {
      const code = pool.queueSize >= TASKS_WAITING_MAX ? 'overloaded' : 'unavailable'
      throw refusal(code, `Reading stored batches failed: ${String(error)}`, { cause: error })
    })
    return resultOf(answer)
  }

  return {
    read: (task) => run({ task: 'read', ...task }) as Promise<ReadReply>,
    seek: (task) => run({ task: 'seek', ...task }) as Promise<SeekReply>,
    close: async () => {
      isClosed = true
      await opened?.close()
    },
  }
}
