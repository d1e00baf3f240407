// THREAD ENTRY of the maintenance thread: Piscina calls `run` once a task. The thread gives way to those that serve appends
// and reads, where the system lets a thread have a priority of its own.
import { constants, setPriority } from 'node:os'
import type { CompactTask, SurveyTask } from '../threads/maintenance-contract.ts'
import { answerOf } from '../threads/task-answer.ts'
import { inlineSegmentMaintenance } from './segment-maintenance.ts'

/** On Linux alone: there 0 means the calling thread. Elsewhere it is the process, with everything that it serves. */
function giveWay(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // A sandbox that forbids it: the rate of compaction bounds what it takes.
  }
}

giveWay()
const maintenance = inlineSegmentMaintenance()

export function run(task: SurveyTask | CompactTask): Promise<unknown> {
  return answerOf<unknown>(() =>
    task.task === 'survey' ? maintenance.survey(task) : maintenance.compact(task),
  )
}
