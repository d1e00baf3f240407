// What a flow has done since the agent started, in figures. Pure state: the flow and its sender count, the status page reads.

/** Figure → its name with AWS' agent, and what it says. The figures of the status page and of /metrics derive from it. */
export const tallyTable = {
  recordsRead: { aws: 'TotalRecordsParsed', doc: 'Records that were read from files.' },
  bytesRead: { aws: 'TotalBytesConsumed', doc: 'Bytes that were read from files.' },
  recordsSkipped: {
    aws: 'TotalRecordsSkipped',
    doc: 'Records that processing skipped, since they are not as it wants them.',
  },
  recordsCut: { aws: undefined, doc: 'Records that were too large, and were cut.' },
  bytesDropped: {
    aws: 'TotalBytesDiscarded',
    doc: 'Bytes of files that are in no record: headers, footers, and what was cut off.',
  },
  recordsSent: { aws: 'RecordsSent', doc: 'Records that the destination has stored.' },
  bytesSent: { aws: 'BytesSent', doc: 'Bytes of data of these.' },
  recordSendAttempts: { aws: 'RecordSendAttempts', doc: 'Records that were sent, each as often as it was.' },
  recordSendErrors: {
    aws: 'RecordSendErrors',
    doc: 'Records that the destination refused, each as often as it did; they are sent again.',
  },
  serviceErrors: { aws: 'ServiceErrors', doc: 'Requests that failed as a whole; they are sent again.' },
  chunksResumed: {
    aws: undefined,
    doc: 'Chunks that an earlier run of the agent had left in doubt, and that were finished.',
  },
  chunksLost: {
    aws: undefined,
    doc: 'Chunks in doubt whose bytes are not in the files any more: what was stored of them stays, the rest is lost.',
  },
} as const satisfies Readonly<Record<string, { readonly aws: string | undefined; readonly doc: string }>>

export type TallyName = keyof typeof tallyTable
export type FlowTally = Record<TallyName, number>

export function emptyTally(): FlowTally {
  return Object.fromEntries(Object.keys(tallyTable).map((name) => [name, 0])) as FlowTally
}
