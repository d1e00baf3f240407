// The support table says something of everything that is in the table of operations, and of nothing else.
import { expect, test } from 'vitest'
import type { FirehoseOperation } from '../src/firehose/model/operation.ts'
import { firehoseOperations } from '../src/firehose/model/operations.ts'
import { elsewhere } from '../src/lambda/model/elsewhere.ts'
import type { LambdaOperation } from '../src/lambda/model/operation.ts'
import { lambdaOperations } from '../src/lambda/model/operations.ts'
import { operations } from '../src/model/operations.ts'
import type { Operation } from '../src/model/operations/operation.ts'
import { queueOperations } from '../src/model/queues.ts'
import { supportPage } from '../src/model/support-page.ts'

const all: [string, Operation][] = Object.entries(operations)
const allFirehose: [string, FirehoseOperation][] = Object.entries(firehoseOperations)
const allLambda: [string, LambdaOperation][] = Object.entries(lambdaOperations)
const [kinesis = '', firehose = '', lambda = ''] = supportPage().split(/\n## (?:Firehose|Lambda)\n/)
const rows = rowsOf(kinesis)
const firehoseRows = rowsOf(firehose.split('\n### ')[0]!)
const lambdaRows = rowsOf(lambda)

function rowsOf(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '))
}

test('each operation has a row, with a row for each parameter below', () => {
  const parameters = all.reduce((sum, [, { input }]) => sum + Object.keys(input.members).length, 0)
  expect(rows).toHaveLength(2 + all.length + parameters + queueOperations.length)
  for (const [name] of all) expect(rows.filter(([first]) => first === `\`${name}\``)).toHaveLength(1)
})

test('each operation of Firehose has a row, with a row for each parameter below', () => {
  const parameters = allFirehose.reduce((sum, [, { input }]) => sum + Object.keys(input.members).length, 0)
  expect(firehoseRows).toHaveLength(2 + allFirehose.length + parameters)
  for (const [name] of allFirehose) {
    expect(firehoseRows.filter(([first]) => first === `\`${name}\``)).toHaveLength(1)
  }
})

test('each operation of Lambda has a row, with a row for each parameter below, and what is refused has one', () => {
  const parameters = allLambda.reduce((sum, [, { input }]) => sum + Object.keys(input.members).length, 0)
  const refused = Object.keys(elsewhere)
  expect(lambdaRows).toHaveLength(2 + allLambda.length + parameters + refused.length)
  for (const name of [...allLambda.map(([operation]) => operation), ...refused]) {
    expect(lambdaRows.filter(([first]) => first === `\`${name}\``)).toHaveLength(1)
  }
})

test('notes are about parameters that there are', () => {
  const strays = [...all, ...allFirehose, ...allLambda].flatMap(([name, { input, notes = {} }]) =>
    Object.keys(notes)
      .filter((parameter) => !(parameter in input.members))
      .map((parameter) => `${name} ${parameter}`),
  )
  expect(strays).toEqual([])
})

test('channels and queues are refused, and the table says by which error', () => {
  const refused = rows.filter(([first, , supported]) => first !== '' && supported === 'no')
  expect(refused.map(([name]) => name)).toEqual(
    expect.arrayContaining(queueOperations.map((name) => `\`${name}\``)),
  )
  for (const [, , , note] of rows.filter(([name]) => name === '`CreateQueue`')) {
    expect(note).toContain('UnknownOperationException')
  }
})

test('no queue operation is in the table of operations', () => {
  expect(queueOperations.filter((name) => name in operations)).toEqual([])
})
