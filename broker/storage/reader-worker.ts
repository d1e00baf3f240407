// THREAD ENTRY of a reader pool thread: Piscina calls `run` once a task. The batches' buffer is moved to the caller, not
// cloned.
import { move, transferableSymbol, valueSymbol } from 'piscina'
import type { ReaderFailure, ReadTask, SeekTask } from '../threads/reader-contract.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { inlineSegmentReader } from './segment-reader.ts'

const reader = inlineSegmentReader()

export async function run(task: ReadTask | SeekTask): Promise<unknown> {
  try {
    if (task.task === 'seek') return await reader.seek(task)
    const reply = await reader.read(task)
    return move({ [transferableSymbol]: [reply.buffer, reply.lengths.buffer], [valueSymbol]: reply })
  } catch (error) {
    // An error that crosses threads keeps nothing but its message.
    if (MillraceError.is(error)) return { code: error.code, message: error.message } satisfies ReaderFailure
    throw error
  }
}
