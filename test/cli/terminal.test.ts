// The width of the screen, for tables and rows.
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { screenColumns } from '../../cli/terminal.ts'

describe('screenColumns', () => {
  it.each([
    ['a file or a pipe', {}, undefined],
    ['a terminal that says its width', { isTTY: true, columns: 80 }, 80],
    ['a terminal that does not say its width', { isTTY: true, columns: 0 }, undefined],
  ])('%s', (_, screen, columns) => {
    expect(screenColumns({ stdout: Object.assign(new PassThrough(), screen) })).toBe(columns)
  })
})
