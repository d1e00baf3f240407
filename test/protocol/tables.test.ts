// The tables keep their own rules: ids are never shared, and nothing is named that is not declared.
import { describe, expect, test } from 'vitest'
import { errorCodeOf, errorCodes, universalErrors, type ErrorCode } from '../../protocol/error-codes.ts'
import { events } from '../../protocol/events.ts'
import { limits } from '../../protocol/limits.ts'
import { operationFamilies, operations, type Operation } from '../../protocol/operations.ts'
import { idBlocks } from '../../protocol/operations/operation.ts'
import type { Field, Shape } from '../../protocol/shapes.ts'
import { PROTOCOL_VERSION_MAX } from '../../protocol/version.ts'

const allOperations = Object.entries<Operation>(operations)

const shapes: [string, Shape][] = [
  ...allOperations.map(([name, operation]): [string, Shape] => [`${name} request`, operation.request]),
  ...allOperations.map(([name, operation]): [string, Shape] => [`${name} response`, operation.response]),
  ...Object.entries(events).map(([name, event]): [string, Shape] => [name, event.body]),
]

function fieldsOf(shape: Shape): Field[] {
  return Object.values(shape).flatMap((field) => [field, ...within(field)])
}

function blockOf(id: number): string | undefined {
  return Object.keys(idBlocks).find((name) => idBlocks[name]![0] <= id && id <= idBlocks[name]![1])
}

function within(field: Field): Field[] {
  if (field.kind === 'struct') return fieldsOf(field.shape)
  return field.kind === 'list' || field.kind === 'optional' ? [field.of, ...within(field.of)] : []
}

describe('tables', () => {
  test('ids are unique within each vocabulary', () => {
    for (const table of [operations, events, errorCodes]) {
      const ids = Object.values(table).map((entry: { id: number }) => entry.id)
      expect(new Set(ids).size).toBe(ids.length)
      for (const id of ids) expect(id).toBeGreaterThan(0)
    }
  })

  test('operations: no name is declared by two families, and no family is left out of the table', () => {
    const names = operationFamilies.flatMap((family) => Object.keys(family))
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted())
    expect(names.toSorted()).toEqual(Object.keys(operations).toSorted())
  })

  test('operations: no id is declared by two families', () => {
    const ids = operationFamilies.flatMap((family) => Object.values(family).map(({ id }) => id))
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  })

  test('operations: a family is of one plane and of one block of ids, and a block holds one plane', () => {
    const planeOfBlock = new Map<string, string>()
    for (const family of operationFamilies) {
      const entries = Object.values(family)
      expect(new Set(entries.map(({ plane }) => plane)).size).toBe(1)
      const blocks = new Set(entries.map(({ id }) => blockOf(id)))
      expect([...blocks]).toEqual([expect.any(String)])
      const block = [...blocks][0]!
      expect(planeOfBlock.get(block) ?? entries[0]!.plane).toBe(entries[0]!.plane)
      planeOfBlock.set(block, entries[0]!.plane)
    }
  })

  test('operations: blocks of ids do not overlap', () => {
    const blocks = Object.values(idBlocks).toSorted(([a], [b]) => a - b)
    for (const [index, [first, last]] of blocks.entries()) {
      expect(first).toBeLessThanOrEqual(last)
      expect(first).toBeGreaterThan(index === 0 ? 0 : blocks[index - 1]![1])
    }
  })

  test('operations: a connection begins with exactly one of them', () => {
    expect(allOperations.filter(([, { opensSession }]) => opensSession).map(([name]) => name)).toEqual([
      'hello',
    ])
  })

  test('every error that an operation declares exists, once, and is not declared for all already', () => {
    for (const [, { errors }] of allOperations) {
      expect(new Set(errors).size).toBe(errors.length)
      expect(Object.keys(errorCodes)).toEqual(expect.arrayContaining([...errors]))
      expect(errors.filter((code) => (universalErrors as readonly ErrorCode[]).includes(code))).toEqual([])
    }
  })

  test('an error code is found by its id, and an unknown id reads as internal', () => {
    for (const [code, { id }] of Object.entries(errorCodes)) expect(errorCodeOf(id)).toBe(code)
    expect(errorCodeOf(65_000)).toBe('internal')
  })

  test('only an error that left no trace may ask for fresh routing', () => {
    const rerouted = Object.values(errorCodes).filter(({ retry }) => retry === 'reroute')
    expect(new Set(rerouted.map(({ sideEffects }) => sideEffects))).toEqual(new Set(['none']))
  })

  test('a duplicate too old to be located does not promise that its batch is not there', () => {
    expect(errorCodes.duplicateTooOld.sideEffects).toBe('possible')
  })

  test('no entry is newer than the newest version of the protocol', () => {
    for (const entry of [...Object.values(operations), ...Object.values(events)]) {
      expect(entry.since).toBeGreaterThanOrEqual(1)
      expect(entry.since).toBeLessThanOrEqual(PROTOCOL_VERSION_MAX)
    }
  })

  test.each(shapes)('%s: every field has a bound that a number can hold, and a sentence', (_, shape) => {
    for (const field of fieldsOf(shape)) {
      expect(field.doc).toMatch(/\.$/)
      const max = 'max' in field ? field.max : 1
      expect(Number.isSafeInteger(max) && max > 0).toBe(true)
      const words = field.kind === 'choice' ? field.values : []
      expect(new Set(words).size).toBe(words.length)
    }
  })

  test('the limits hold each other: the largest record fits a batch, the largest batch a frame', () => {
    expect(limits.recordBytesMax + limits.recordHeaderValueBytesMax).toBeLessThan(limits.batchBytesMax)
    expect(limits.batchBytesMax + limits.frameBytesBeforeHello).toBeLessThan(limits.frameBytesMax)
    expect(limits.fetchBytesMax + limits.frameBytesBeforeHello).toBeLessThan(limits.frameBytesMax)
    expect(limits.helloDeadlineMs).toBeLessThan(limits.frameDeadlineMs)
    expect(limits.heartbeatMs * 3).toBeLessThan(limits.sessionIdleMs)
    expect(limits.fetchWaitMsMax).toBeLessThan(limits.sessionIdleMs)
  })
})
