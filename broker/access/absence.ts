// What is said of things that do not exist, in one place: who may not see a thing gets the same words as if it were not there.
// Runs in every process that listens; pure.
import { quoteText } from '../../protocol/text/text.ts'
import { shardIdOf } from '../../protocol/shards/shard-id.ts'

export function noStream(name: string): string {
  return `There is no stream called ${name}.`
}

export function noGroup(name: string): string {
  return `There is no group called ${name}.`
}

export function noMember(group: string, memberId: string): string {
  return `${memberId} is no member of group ${group}, or its lease has ended: join again.`
}

/** `name` is that of a grant: `kind/name`. */
export function noDocument(name: string): string {
  return `There is no document ${quoteText(name)}.`
}

export function noShard(streamId: number, shardIndex: number): string {
  return `${shardIdOf(shardIndex)} of stream number ${streamId} is not served here.`
}

/** A stream whose subscriptions end: it was deleted, or is not to be seen any more. */
export const streamGone = 'The stream was deleted.'
