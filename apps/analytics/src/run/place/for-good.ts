// Which faults of a step stay, however often it is tried. Pure.
import { MillraceError } from 'millrace'
import { EngineFault } from '../../engine/index.ts'

/** Whether a step fails however often it is tried: its stream is gone, or its rows cannot be computed. */
export function isForGood(error: unknown): boolean {
  return (
    MillraceError.is(error, 'streamNotFound') || (error instanceof EngineFault && error.code === 'convert')
  )
}
