// Tests which name a misspelt option is taken to mean.
import { describe, expect, it } from 'vitest'
import { nearest } from '../../../client/options/nearest.ts'

describe('nearest', () => {
  it.each([
    ['retention', ['retentionMs', 'mode'], 'retentionMs'],
    ['RETENTIONMS', ['retentionMs', 'mode'], 'retentionMs'],
    ['shard', ['shards', 'signal'], 'shards'],
    ['timeout', ['signal', 'codec'], undefined],
    ['', ['at'], undefined],
  ] as const)('%s is meant to be one of %j: %s', (given, names, expected) => {
    expect(nearest(given, names)).toBe(expected)
  })
})
