// The way of log lines to a reader that may stall, go, or be a disk that is full.
import { describe, expect, it } from 'vitest'
import { LogOutput, type LogWrites } from '../../broker/telemetry/log-output.ts'
import { until } from '../support/progress.ts'

const WAITING_BYTES_MAX = 1000

/** A reader that takes so many bytes, and then answers as it is told. */
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

  /** Of a descriptor whose writes may wait, and are left to the pool. */
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

/** Every line is there as it was written, or counted by a note in its place. */
function expectComplete(lines: readonly string[], written: number): void {
  let next = 0
  for (const line of lines) {
    const [, dropped] = /^dropped (\d+)$/.exec(line) ?? []
    if (dropped === undefined) expect(line).toBe(lineOf(next++))
    else next += Number(dropped)
  }
  expect(next).toBe(written)
}

describe('the output of a log', () => {
  it('is with its reader when the call returns', () => {
    const reader = new Reader()
    outputTo(reader).write('one\n')
    expect(reader.taken).toBe('one\n')
  })

  for (const [kind, neverWaits] of [
    ['pipe', true],
    ['file', false],
  ] as const) {
    describe(`to a ${kind}`, () => {
      it('holds a bounded part of the lines while the reader stalls, and counts the others in their place', async () => {
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
        it(`goes on after ${refusal}, each line on its own, and counts what was lost`, async () => {
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

  it('at its end writes what a slow reader takes', () => {
    const reader = new Reader()
    const output = outputTo(reader)
    reader.room = 0
    for (let n = 0; n < 50; n++) output.write(`${lineOf(n)}\n`)
    reader.room = Number.POSITIVE_INFINITY
    output.end()
    expectComplete(reader.lines, 50)
  })

  it('at its end does not wait for ever for a reader that takes nothing', () => {
    const reader = new Reader()
    const output = outputTo(reader)
    reader.room = 0
    output.write('one\n')
    output.end()
    expect(reader.taken).toBe('')
  })

  it('at its end gives up a reader that is gone', () => {
    const reader = new Reader()
    const output = outputTo(reader)
    reader.room = 0
    output.write('one\n')
    reader.refusal = 'EPIPE'
    output.end()
    expect(reader.taken).toBe('')
  })
})
