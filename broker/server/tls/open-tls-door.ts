// The TLS door of a server: its outcomes counted, and its failures logged, seldom enough that a storm of them fills no log. Runs
// on the main thread of every process that listens.
import type { Logger } from 'pino'
import type { Instruments } from '../../telemetry/instruments.ts'
import { systemTime } from '../../time.ts'
import { TlsDoor, type TlsDoorOptions } from './tls-door.ts'

export interface CountedDoorOptions extends Omit<TlsDoorOptions, 'onOutcome'> {
  readonly log: Logger
  readonly metrics: Instruments
}

/** A failed handshake is logged at `info` at most this often; those between are counted, and logged at `debug`. */
const TOLD_EVERY_MS = 60_000

/** Opens the door. */
export function openTlsDoor({ log, metrics, ...options }: CountedDoorOptions): TlsDoor {
  let toldAt = -Infinity
  let untold = 0
  return new TlsDoor({
    ...options,
    onOutcome: (outcome, why) => {
      metrics.millrace_tls_handshakes_total.add(1, outcome)
      if (outcome === 'begun' || outcome === 'resumed') return
      const isSeldom = systemTime.elapsed() - toldAt >= TOLD_EVERY_MS
      log[isSeldom ? 'info' : 'debug'](
        { outcome, detail: why, since: untold },
        'a TLS handshake led to nothing',
      )
      untold = isSeldom ? 0 : untold + 1
      if (isSeldom) toldAt = systemTime.elapsed()
    },
  })
}
