// THREAD ENTRY of the maintenance thread: Piscina calls `run` once per task. The thread lowers its priority below the
// threads that serve appends and reads, if the system has priorities per thread.
import { constants, setPriority } from 'node:os'
import type { CompactTask, SurveyTask } from '../threads/maintenance-contract.ts'
import { answerOf } from '../threads/task-answer.ts'
import { inlineSegmentMaintenance } from './segment-maintenance.ts'

/** Only on Linux, where 0 means the calling thread. Elsewhere 0 means the whole process, with its appends and reads. */
function giveWay(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // A sandbox may forbid this; the compaction rate still bounds the load.
  }
}

giveWay()
const maintenance = inlineSegmentMaintenance()

export function run(task: SurveyTask | CompactTask): Promise<unknown> {
  return answerOf<unknown>(() =>
    task.task === 'survey' ? maintenance.survey(task) : maintenance.compact(task),
  )
}
