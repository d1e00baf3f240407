// A shard as the API shows it. Pure.
import type { Shard } from 'millrace'
import { endingSequenceNumber, startingSequenceNumber } from '../identifiers/sequence-number.ts'

/** Its id, parents, range, and the numbers between which its records are. */
export function shardOutput(shard: Shard) {
  const [parent, adjacent] = shard.parentShardIds
  const ending = endingSequenceNumber(shard)
  return {
    ShardId: shard.shardId,
    ...(parent === undefined ? {} : { ParentShardId: parent }),
    ...(adjacent === undefined ? {} : { AdjacentParentShardId: adjacent }),
    HashKeyRange: {
      StartingHashKey: shard.hashKeyRange.startingHashKey,
      EndingHashKey: shard.hashKeyRange.endingHashKey,
    },
    SequenceNumberRange: {
      StartingSequenceNumber: startingSequenceNumber(shard),
      ...(ending === undefined ? {} : { EndingSequenceNumber: ending }),
    },
  }
}
