// What a flow says about its files, and what reading them needs of the world. Types.
import type { RecordSettings } from '../lines/framing.ts'
import type { LineSettings } from '../lines/line-patterns.ts'
import type { FlowPositions } from '../positions/flow-positions.ts'
import type { Disk } from './disk.ts'

export type InitialPosition = 'START_OF_FILE' | 'END_OF_FILE'

/** How the bytes of files become records. */
export interface FlowFraming extends LineSettings, RecordSettings {
  /** Lines at the beginning of each file that are no records. */
  readonly skipHeaderLines: number
}

export interface FlowFileSettings extends FlowFraming {
  /** Absolute; `*`, `?`, `[…]`, `{…,…}`, and `**` for directories of any depth. */
  readonly filePattern: string
  /** For files that are there when the flow starts for the first time. Files that come later are read from their start. */
  readonly initialPosition: InitialPosition
  readonly pollMsMin: number
  readonly refreshMsMax: number
  /** True: reads what is there, last lines without an end too, and is then `ended`. */
  readonly once: boolean
  /** Files of which the system is asked to tell at once when they change; 0: polling alone finds out. */
  readonly watchesMax: number
}

export interface FilesRim {
  readonly disk: Disk
  /** Milliseconds since 1970: compared to times of the file system alone. It may be set back. */
  now(): number
  /** Milliseconds from anywhere, which only rise: what waits and ages are measured by. */
  monotonic(): number
  /** Fulfils after the time, or at once when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export interface FlowFilesOptions {
  readonly flow: FlowFileSettings
  readonly positions: FlowPositions
  readonly rim: FilesRim
}

/** How much one run may hold. */
export interface RunLimits {
  readonly bytesMax: number
  readonly recordsMax: number
  readonly signal?: AbortSignal | undefined
}
