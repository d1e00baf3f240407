// Where a unit of a query begins by a definition, or goes on.
import type { QueryDefinition, QuerySharing } from 'millrace/protocol'
import { expect, it } from 'vitest'
import type { QueryPlace } from '../../src/run/place/query-place.ts'
import { beginsAnew } from '../../src/run/run-parts.ts'

const place: QueryPlace = { watermark: null, positions: {}, replayFrom: {}, late: {} }
const by = (streamId: number, parts = 2): QuerySharing => ({
  parts,
  spread: { stream: 'q.parts', streamId, keys: { clicks: ['page'] } },
})

/** Whether a unit begins that stood by version 1. */
const begins = (
  next: { readonly version: number; readonly begins: boolean; readonly sharing?: QuerySharing },
  sharing?: QuerySharing,
): boolean => {
  const definition = { version: 1, ...(sharing && { sharing }) } as QueryDefinition
  return beginsAnew(next, { place, definition })
}

it('a unit goes on where it stood, unless its version begins, or it stood among other parts', () => {
  expect(begins({ version: 1, begins: true })).toBe(false)
  expect(begins({ version: 2, begins: false })).toBe(false)
  expect(begins({ version: 2, begins: true })).toBe(true)
  expect(begins({ version: 2, begins: false, sharing: by(5) }, by(5))).toBe(false)
  // A version in between began with a stream of its own, before this unit had taken it up.
  expect(begins({ version: 3, begins: false, sharing: by(6) }, by(5))).toBe(true)
  expect(begins({ version: 3, begins: false, sharing: { parts: 3 } }, { parts: 2 })).toBe(true)
})
