// Promises of the remembered changes: each document's newest change once, or the word that some are forgotten.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DocumentChanges, type DocumentChange } from '../../../../broker/control/documents/changes.ts'

const change = (version: number, name: string, isDeletion = false, kind = 'a'): DocumentChange => ({
  version,
  kind,
  name,
  isDeletion,
})

test('changes: tells the newest change of each document there, oldest first', () => {
  const changes = new DocumentChanges(4)
  const told = [change(5, 'x'), change(7, 'y'), change(8, 'x', true), change(9, 'x', false, 'b')]
  for (const each of told) changes.add(each)
  expect(changes.version).toBe(9)
  expect(changes.after(4, { kind: 'a', prefix: '' })).toEqual([told[1], told[2]])
  expect(changes.after(7, { kind: 'a', prefix: '' })).toEqual([told[2]])
  expect(changes.after(4, { kind: 'a', prefix: 'y' })).toEqual([told[1]])
  expect(changes.after(9, { kind: 'a', prefix: '' })).toEqual([])
})

test('changes: knows none from before the start, and none that are still to come', () => {
  const changes = new DocumentChanges(4)
  expect(changes.after(3, { kind: 'a', prefix: '' })).toBeUndefined()
  expect(changes.after(5, { kind: 'a', prefix: '' })).toBeUndefined()
  expect(changes.after(4, { kind: 'a', prefix: '' })).toEqual([])
})

test('changes: remembers a bounded number, tells all of them, and says where some are forgotten', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.constantFrom('x', 'y', 'z'), gap: fc.integer({ min: 1, max: 3 }) }), {
        maxLength: 40,
      }),
      fc.integer({ min: 1, max: 5 }),
      (adds, rememberedMax) => {
        const changes = new DocumentChanges(0, rememberedMax)
        const all: DocumentChange[] = []
        for (const { name, gap } of adds) {
          const next = change(changes.version + gap, name)
          changes.add(next)
          all.push(next)
          for (let version = 0; version <= changes.version; version++) {
            const since = all.filter((each) => each.version > version)
            const told = changes.after(version, { kind: 'a', prefix: '' })
            if (since.length <= rememberedMax) expect(told).toBeDefined()
            if (since.length > 2 * rememberedMax) expect(told).toBeUndefined()
            if (told === undefined) continue
            const newest = since.filter(
              (each, at) => !since.slice(at + 1).some((later) => later.name === each.name),
            )
            expect(told).toEqual(newest)
          }
        }
      },
    ),
  )
})
