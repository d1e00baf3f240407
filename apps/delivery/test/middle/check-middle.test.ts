// What of the middle of a delivery is refused at creation, with its place.
import { expect, it } from 'vitest'
import { checkPartitioning } from '../../src/definitions/check-middle.ts'
import { newDefinition } from '../../src/definitions/definition-input.ts'

const parquet = (columns: readonly { readonly name: string; readonly type: string }[]) =>
  checkPartitioning(
    newDefinition(
      {
        source: { stream: 'clicks' },
        destination: { type: 'directory', path: '/lake' },
        format: { type: 'parquet', compression: 'snappy', columns },
      },
      0,
    ),
  )

it('columns: a type that is none is refused where it stands, and names that differ by their case alone', () => {
  expect(parquet([{ name: 'a', type: 'BIGINT' }])).toEqual([])
  expect(parquet([{ name: 'a', type: 'STRUCT(x BIGNT)' }])).toEqual([
    {
      place: 'format.columns',
      message:
        'The type of the column "a" is refused: BIGNT is no type of a column (character 10 of "STRUCT(x BIGNT)").',
    },
  ])
  expect(
    parquet([
      { name: 'a', type: 'INT' },
      { name: 'A', type: 'INT' },
    ])[0]?.message,
  ).toContain('twice')
  expect(parquet([])[0]?.message).toContain('There are 0 columns')
})
