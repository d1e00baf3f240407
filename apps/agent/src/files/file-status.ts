// How a file of a flow stands, and why it stands still where it does. Types and the table of states; pure.

/** State → what it means to the operator. */
export const fileStates = {
  reading: 'There is more to read, and it is being read.',
  current: 'Everything is read.',
  'line-end': 'Everything is read, except for a last record that is not complete yet.',
  turn: 'An older file of the same log is read first.',
  destination: 'The flow is held by its destination.',
  'back-pressure':
    'There is more to read, and the flow takes nothing: what it has taken is not delivered yet.',
  unreadable: 'The file cannot be read.',
  directory: 'The name matches, and is no file but a directory.',
  special: 'The name matches, and is neither a file nor a directory.',
  ignored: 'The name matches, and ends as compressed files do.',
  vanished: 'The file is gone before it was read to its end.',
  finished: 'The file is rotated or removed, and was read to its end.',
  footer: 'A line matched the footer pattern: what follows it is not read.',
  pattern: 'The pattern of record starts takes too long on a line.',
} as const satisfies Record<string, string>

export type FileState = keyof typeof fileStates

export interface FileStatus {
  readonly path: string
  /** Absent where the file has no position: what is ignored, unreadable from the first, or a directory. */
  readonly file?: string | undefined
  readonly size: number
  /** Up to where it was read. */
  readonly offset: number
  /** Up to where everything was delivered. */
  readonly confirmedOffset: number
  /** Bytes of the file that are not delivered. */
  readonly lagBytes: number
  readonly modifiedAt: number
  readonly state: FileState
  /** One sentence: why, and what to do where something can be done. */
  readonly reason: string
}
