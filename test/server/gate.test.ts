// Which requests are let in, from the columns of the table.
import { describe, expect, test } from 'vitest'
import { operations, type Operation, type OperationName } from '../../protocol/operations.ts'
import { refusalAt } from '../../broker/server/gate.ts'

const names = Object.keys(operations) as OperationName[]
const servedAt = (moment: Parameters<typeof refusalAt>[1]) =>
  names.filter((name) => refusalAt(name, moment) === undefined)
const withColumn = (column: keyof Operation) =>
  names.filter((name) => (operations[name] as Operation)[column] === true)

describe('gate', () => {
  test('a session that has begun, in a process that goes on, is served everything', () => {
    expect(servedAt({ isGreeting: false, isStopping: false })).toEqual(names)
  })

  test('before a session has begun, only what opens it is served, and the refusal says what that is', () => {
    expect(servedAt({ isGreeting: true, isStopping: false })).toEqual(withColumn('opensSession'))
    const refusal = refusalAt('append', { isGreeting: true, isStopping: false })
    expect(refusal).toMatchObject({
      code: 'helloRequired',
      message: expect.stringContaining('Say hello before'),
    })
  })

  test('a process that is about to stop serves what keeps a session alive, and promises that nothing else was done', () => {
    expect(servedAt({ isGreeting: false, isStopping: true })).toEqual(withColumn('servedWhileStopping'))
    expect(refusalAt('append', { isGreeting: false, isStopping: true })?.code).toBe('unavailable')
  })

  test('a process that is about to stop begins no session', () => {
    expect(servedAt({ isGreeting: true, isStopping: true })).toEqual([])
  })
})
