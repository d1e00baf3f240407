// Which requests a session admits, by the columns of the table of operations.
import { describe, expect, test } from 'vitest'
import { operations, type Operation, type OperationName } from '../../../protocol/operations.ts'
import { refusalAt } from '../../../broker/server/gate.ts'

const names = Object.keys(operations) as OperationName[]
const servedAt = (moment: Parameters<typeof refusalAt>[1]) =>
  names.filter((name) => refusalAt(name, moment) === undefined)
const withColumn = (column: keyof Operation) =>
  names.filter((name) => (operations[name] as Operation)[column] === true)

describe('refusalAt', () => {
  test('serves everything in an open session of a running process', () => {
    expect(servedAt({ isGreeting: false, isKnown: true, isStopping: false })).toEqual(names)
  })

  test('serves only opening requests before a session has begun, and the refusal names them', () => {
    expect(servedAt({ isGreeting: true, isKnown: true, isStopping: false })).toEqual(
      withColumn('opensSession'),
    )
    const refusal = refusalAt('append', { isGreeting: true, isKnown: true, isStopping: false })
    expect(refusal).toMatchObject({
      code: 'helloRequired',
      message: expect.stringContaining('Say hello before'),
    })
  })

  test('serves only what keeps a session alive while the process stops, and refuses all else as unavailable', () => {
    expect(servedAt({ isGreeting: false, isKnown: true, isStopping: true })).toEqual(
      withColumn('servedWhileStopping'),
    )
    expect(refusalAt('append', { isGreeting: false, isKnown: true, isStopping: true })?.code).toBe(
      'unavailable',
    )
  })

  test('begins no session while the process stops', () => {
    expect(servedAt({ isGreeting: true, isKnown: true, isStopping: true })).toEqual([])
  })
})
