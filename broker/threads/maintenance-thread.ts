// Starts the maintenance thread and sends it tasks. Runs on a host's main thread. There is one thread, which starts
// with a task and ends after it was idle for a while.
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { refusal } from '../../protocol/refusal.ts'
import { stopCompaction } from './compaction-progress.ts'
import type {
  Compacted,
  CompactTask,
  SegmentMaintenance,
  Survey,
  SurveyTask,
} from './maintenance-contract.ts'
import { resultOf, type TaskRefusal } from './task-answer.ts'

/** A compaction mostly waits for its rate and for the disk, so surveys run between its steps. */
const TASKS_AT_ONCE = 4
/** Tasks that may wait for the thread: at a start, a survey of each segment. */
const TASKS_WAITING_MAX = 4096
const IDLE_MS = 60_000

type Pool = Piscina<SurveyTask | CompactTask, Survey | Compacted | TaskRefusal>

function openPool(workerUrl: URL): Pool {
  return new Piscina<SurveyTask | CompactTask, Survey | Compacted | TaskRefusal>({
    filename: fileURLToPath(workerUrl),
    name: 'run',
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    concurrentTasksPerWorker: TASKS_AT_ONCE,
    maxQueue: TASKS_WAITING_MAX,
    // The thread must run its timers while it waits for tasks: a compaction sleeps on them.
    atomics: 'disabled',
  })
}

/** Creates the maintenance. `workerUrl` is storage's maintenance worker; no thread runs before the first task. */
export function createMaintenanceThread(options: { workerUrl: URL }): SegmentMaintenance {
  let opened: Pool | undefined
  let isClosed = false
  /** The shared memory of the compactions under way. */
  const compactions = new Set<SharedArrayBuffer>()

  async function run(task: SurveyTask | CompactTask): Promise<Survey | Compacted> {
    if (isClosed) throw refusal('unavailable', 'This host has stopped its maintenance.')
    const pool = (opened ??= openPool(options.workerUrl))
    const answer = await pool.run(task).catch((error: unknown) => {
      throw refusal('unavailable', `Maintenance of segments failed: ${String(error)}`, {
        cause: error,
      })
    })
    return resultOf(answer)
  }

  return {
    survey: (task) => run({ task: 'survey', ...task }) as Promise<Survey>,
    compact: async (task) => {
      compactions.add(task.progress)
      try {
        return (await run({ task: 'compact', ...task })) as Compacted
      } finally {
        compactions.delete(task.progress)
      }
    },
    close: async () => {
      isClosed = true
      for (const progress of compactions) stopCompaction(progress)
      // Waits for running tasks: a thread is never terminated while LMDB writes on it.
      await opened?.close()
    },
  }
}
