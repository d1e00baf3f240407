// Spawns the reader pool and sends it tasks. Runs on a host's main thread, which must never wait for the disk itself.
// What it reads never changes anything, so a task that fails for reasons of its own may simply be asked for again.
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { refusal } from '../../protocol/refusal.ts'
import type { ReadReply, ReadTask, SeekReply, SeekTask, SegmentReader } from './reader-contract.ts'
import { resultOf, type TaskRefusal } from './task-answer.ts'

/** Tasks that may wait for a thread: each host has a bounded number of readers, so this is not reached by good ones. */
const TASKS_WAITING_MAX = 4096

type Pool = Piscina<ReadTask | SeekTask, ReadReply | SeekReply | TaskRefusal>

function openPool(options: { threads: number; workerUrl: URL }): Pool {
  return new Piscina<ReadTask | SeekTask, ReadReply | SeekReply | TaskRefusal>({
    filename: fileURLToPath(options.workerUrl),
    name: 'run',
    minThreads: 1,
    maxThreads: options.threads,
    idleTimeout: 30_000,
    // A task blocks on the disk: it needs a thread of its own.
    concurrentTasksPerWorker: 1,
    maxQueue: TASKS_WAITING_MAX,
    // An idle thread must run its timers: they let go of the active segment, which its owner may have to reopen.
    atomics: 'disabled',
  })
}

/**
 * Starts the threads as they are needed. `workerUrl` is storage's reader worker. None runs before the first task: to end
 * one that is still being loaded can take the whole process down, and a host that fails to start closes at once.
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
