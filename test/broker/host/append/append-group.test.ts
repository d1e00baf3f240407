// Packing of batches: every byte once, in order, in groups of bounded size.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AppendAnswer } from '../../../../broker/host/append/append-answer.ts'
import { packGroups } from '../../../../broker/host/append/append-group.ts'
import { ENTRY_FIELDS } from '../../../../broker/threads/append-fields.ts'
import type { HostedShard } from '../../../../broker/host/shards/hosted-shard.ts'

it('packGroups: packs every batch once, in order, without gaps, into groups of bounded size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ slot: fc.nat(9), bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }) })),
      fc.integer({ min: 1, max: 500 }),
      (wanted, groupBytes) => {
        const answer = new AppendAnswer(wanted.length)
        const pending = wanted.map(({ slot, bytes }, index) => ({
          shard: { slot } as HostedShard,
          bytes,
          producer: { tag: 7, openTag: 6, holder: 8, address: 9, most: 0 },
          answer,
          index,
        }))
        const unpacked = packGroups(pending, { groupBytes, now: 5 }).flatMap(({ group, batches, bytes }) => {
          expect(group.arena.byteLength).toBe(bytes)
          expect(bytes <= groupBytes || batches.length === 1).toBe(true)
          let end = 0
          const entries = batches.map(({ index }, i) => {
            const [slot, offset = 0, length = 0] = group.entries.subarray(
              i * ENTRY_FIELDS,
              (i + 1) * ENTRY_FIELDS,
            )
            expect(offset).toBe(end)
            end = offset + length
            return { index, slot, bytes: new Uint8Array(group.arena.slice(offset, end)) }
          })
          expect(end).toBe(bytes)
          return entries
        })
        expect(unpacked).toEqual(wanted.map(({ slot, bytes }, index) => ({ index, slot, bytes })))
      },
    ),
  )
})
