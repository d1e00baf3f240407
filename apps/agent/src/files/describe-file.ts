// How a tracked file stands, and why, in a sentence for the operator. Pure.
import { fileStates, type FileState, type FileStatus } from './file-status.ts'
import type { LostBytes, TrackedFile } from './tracking/tracked-file.ts'

/** What a flow knows beside its files. */
export interface FlowStanding {
  /** Why the flow's destination takes nothing. */
  readonly held: string | undefined
  /** True while the flow asks for more. */
  readonly isAsking: boolean
}

export function describeFile(
  file: TrackedFile,
  confirmedOffset: number,
  blocker: TrackedFile | undefined,
  standing: FlowStanding,
): FileStatus {
  const { path, facts, offset } = file
  const { size, modifiedAt } = facts
  const [state, reason] = stateOf(file, blocker, standing)
  const lagBytes = Math.max(0, size - confirmedOffset)
  return { path, file: file.file, size, offset, confirmedOffset, lagBytes, modifiedAt, state, reason }
}

export function describeLost({ file, path, facts, offset, reason }: LostBytes): FileStatus {
  const { size, modifiedAt } = facts
  const about = { path, file, size, offset, confirmedOffset: offset, lagBytes: 0, modifiedAt }
  return { ...about, state: 'vanished', reason: `${reason} ${size - offset} bytes were not read.` }
}

function stateOf(
  file: TrackedFile,
  blocker: TrackedFile | undefined,
  { held, isAsking }: FlowStanding,
): readonly [FileState, string] {
  const { offset, facts, problem } = file
  if (problem !== undefined) return [problem.state, problem.reason]
  if (file.isEnded) return ['footer', `${fileStates.footer} The line is at byte ${offset}.`]
  if (offset >= facts.size)
    return file.isListed ? ['current', fileStates.current] : ['finished', fileStates.finished]
  if (file.heldUntil !== undefined) {
    return [
      'turn',
      `It begins as ${file.copyOf?.path} does: if that is truncated, this is its copy, and is read from where that was read to.`,
    ]
  }
  if (held !== undefined) return ['destination', held]
  if (blocker !== undefined) return ['turn', `${blocker.path} is older, and is read first.`]
  if (file.long !== undefined) {
    return [
      'line-end',
      `A record at byte ${offset} is longer than allowed: ${file.long.seen} bytes of it were passed, and its end is not found yet.`,
    ]
  }
  if (file.triedSize === facts.size) return ['line-end', `The record at byte ${offset} has no end yet.`]
  return isAsking ? ['reading', fileStates.reading] : ['back-pressure', fileStates['back-pressure']]
}
