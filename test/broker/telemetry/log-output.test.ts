// LogOutput to a reader that may stall or go away, and to a full disk.
import { describe, expect, it } from 'vitest'
import { LogOutput, type LogWrites } from '../../../broker/telemetry/log-output.ts'
import { until } from '../../support/checker/progress.ts'

const WAITING_BYTES_MAX = 1000

/** A reader that takes a number of bytes, and then fails as the test says. */
class Reader {
  room = Number.POSITIVE_INFINITY
  refusal = 'EAGAIN'
  taken = ''
  writes = 0

  get lines(): string[] {
    return this.taken.split('\n').slice(0, -1)
  }

  readonly take = (bytes: Uint8Array): number => {
    this.writes++
    const written = Math.min(bytes.length, this.room)
    if (written === 0) throw Object.assign(new Error(this.refusal), { code: this.refusal })
    this.taken += Buffer.from(bytes.subarray(0, written)).toString()
    this.room -= written
    return written
  }

  /** True for a descriptor whose writes may block, and so run in the pool. */
  readonly takeLater: LogWrites['write'] = (_fd, bytes, done) => {
    setImmediate(() => {
      try {
        done(null, this.take(bytes))
      } catch (error) {
        done(error as NodeJS.ErrnoException, 0)
      }
    })
  }
}

function outputTo(reader: Reader, { neverWaits = true } = {}): LogOutput {
  const writes = {
    descriptor: { fd: 1, neverWaits },
    writeSync: (_fd: number, bytes: Uint8Array) => reader.take(bytes),
    write: reader.takeLater,
  }
  return new LogOutput({ writes, noteOf: (n) => `dropped ${n}\n`, waitingBytesMax: WAITING_BYTES_MAX })
}

const lineOf = (n: number) => `line ${String(n).padStart(4, '0')}`

/** Checks that every line arrived as it was written, or is counted by a note in its place. */
function expectComplete(lines: readonly string[], written: number): void {
  let next = 0
  for (const line of lines) {
    const [, dropped] = /^dropped (\d+)$/.exec(line) ?? []
    if (dropped === undefined) expect(line).toBe(lineOf(next++))
    else next += Number(dropped)
  }
  expect(next).toBe(written)
}

describe('LogOutput', () => {
  it('write: has passed the line to the reader when it returns', () => {
    const reader = new Reader()
    outputTo(reader).write('one\n')
    expect(reader.taken).toBe('one\n')
  })

  for (const [kind, neverWaits] of [
    ['pipe', true],
    ['file', false],
  ] as const) {
    describe(`with a ${kind}`, () => {
      it('keeps a bounded part of the lines while the reader stalls, and counts the dropped ones in their place', async () => {
        const reader = new Reader()
        const output = outputTo(reader, { neverWaits })
        reader.room = 5
        for (let n = 0; n < 500; n++) output.write(`${lineOf(n)}\n`)
        reader.room = Number.POSITIVE_INFINITY
        await until('the reader has it all', () => /dropped \d+\n$/.test(reader.taken))
        output.write(`${lineOf(500)}\n`)
        await until('the last line is there', () => reader.taken.endsWith(`${lineOf(500)}\n`))
        expectComplete(reader.lines, 501)
        expect(reader.taken.length).toBeLessThan(2 * WAITING_BYTES_MAX)
      })

      for (const refusal of ['EPIPE', 'ENOSPC']) {
        it(`continues after ${refusal}, with whole lines, and counts lost ones`, async () => {
          const reader = new Reader()
          const output = outputTo(reader, { neverWaits })
          output.write(`${lineOf(0)}\n`)
          await until('the first is there', () => reader.lines.length === 1)
          // In the middle of a line.
          reader.room = 4
          reader.refusal = refusal
          for (let n = 1; n < 20; n++) {
            const { writes } = reader
            output.write(`${lineOf(n)}\n`)
            await until('it was tried', () => reader.writes > writes)
          }
          reader.room = Number.POSITIVE_INFINITY
          output.write(`${lineOf(20)}\n`)
          await until('the last line is there', () => reader.taken.endsWith(`${lineOf(20)}\n`))
          expectComplete(
            reader.lines.filter((line) => line !== lineOf(1).slice(0, 4)),
            21,
          )
        })
      }
    })
  }

  it('end: writes what a slow reader takes', () => {
    const reader = new Reader()
    const output = outputTo(reader)
    reader.room = 0
    for (let n = 0; n < 50; n++) output.write(`${lineOf(n)}\n`)
    reader.room = Number.POSITIVE_INFINITY
    output.end()
    expectComplete(reader.lines, 50)
  })

  it('end: does not wait for ever for a reader that takes nothing', () => {
    const reader = new Reader()
    const output = outputTo(reader)
    reader.room = 0
    output.write('one\n')
    output.end()
    expect(reader.taken).toBe('')
  })

  it('end: gives up a reader that is gone', () => {
    const reader = new Reader()
    const output = outputTo(reader)
    reader.room = 0
    output.write('one\n')
    reader.refusal = 'EPIPE'
    output.end()
    expect(reader.taken).toBe('')
  })
})
