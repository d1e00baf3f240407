// The table of events: messages that have no answer. Runs anywhere. Ids are never reused; fields are positional, append-only.
import { limits } from './limits.ts'
import { field, type Shape, type ValueOf } from './shapes.ts'
import { damage, timeMs } from './structs.ts'

export interface EventEntry {
  readonly id: number
  readonly since: number
  readonly from: 'broker' | 'client'
  readonly doc: string
  readonly body: Shape
}

const time = field.optional(timeMs("The host's clock when it was sent"))
const subscriptionId = field.uint('The subscription, as subscribe named it.')

export const events = {
  records: {
    id: 1,
    since: 1,
    from: 'broker',
    doc: "Batches of a subscription. Their bytes are subtracted from the subscription's credit.",
    body: {
      subscriptionId,
      batches: field.list(
        field.bytes(limits.batchBytesMax, 'One batch.'),
        limits.runBatchesMax,
        'Whole batches, in order; the first may begin before the start asked for.',
      ),
      nextSequenceNumber: field.uint(
        'The number after the last record sent: the subscription can be resumed here.',
      ),
      tail: field.uint('Next number to assign.'),
      millisBehindLatest: field.uint('Age of the last record sent, if more records follow; 0 at the tail.'),
      time,
    },
  },
  heartbeat: {
    id: 2,
    since: 1,
    from: 'broker',
    doc: 'Sent on an idle subscription, so that silence means a broken connection.',
    body: {
      subscriptionId,
      nextSequenceNumber: field.uint('A place to resume.'),
      tail: field.uint('Next number to assign.'),
      time,
    },
  },
  subscriptionEnded: {
    id: 3,
    since: 1,
    from: 'broker',
    doc: 'The last message of a subscription, with the reason.',
    body: {
      subscriptionId,
      code: field.uint('0 when a closed shard was read to its end; else the id of an error code.'),
      nextSequenceNumber: field.uint('A place to resume.'),
      message: field.string(limits.textBytesMax, 'The reason, as a sentence.'),
      damage,
    },
  },
  draining: {
    id: 4,
    since: 1,
    from: 'broker',
    doc: 'The process is about to stop: it answers requests in flight, and refuses new ones as unavailable.',
    body: { deadlineMs: field.uint('How long the process still answers, in milliseconds.') },
  },
  credit: {
    id: 16,
    since: 1,
    from: 'client',
    doc: 'Gives a subscription more credit.',
    body: { subscriptionId, bytes: field.uint('Bytes to add.', limits.subscriptionCreditBytesMax) },
  },
} as const satisfies Record<string, EventEntry>

export type EventName = keyof typeof events
export type EventFrom<S extends 'broker' | 'client'> = {
  [N in EventName]: (typeof events)[N]['from'] extends S ? N : never
}[EventName]
export type EventBody<N extends EventName> = ValueOf<(typeof events)[N]['body']>
