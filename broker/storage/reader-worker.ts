// THREAD ENTRY of a reader pool thread: Piscina calls `run` once per task. The batches' buffer is transferred to the
// caller, not cloned.
import { move, transferableSymbol, valueSymbol } from 'piscina'
import type { ReadTask, SeekTask } from '../threads/reader-contract.ts'
import { answerOf } from '../threads/task-answer.ts'
import { inlineSegmentReader } from './segment-reader.ts'

const reader = inlineSegmentReader()

export function run(task: ReadTask | SeekTask): Promise<unknown> {
  return answerOf<unknown>(async () => {
    if (task.task === 'seek') return reader.seek(task)
    const reply = await reader.read(task)
    return move({ [transferableSymbol]: [reply.buffer, reply.lengths.buffer], [valueSymbol]: reply })
  })
}
