// What a process prints beside its log becomes log lines.
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { logStrayOutput } from '../../../broker/supervision/stray-output.ts'
import { createLog } from '../../../broker/telemetry/log.ts'

async function logged(print: (stream: PassThrough) => void): Promise<Record<string, unknown>[]> {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const stream = new PassThrough()
  logStrayOutput(
    [stream, null],
    createLog({ level: 'info', format: 'json', process: 'controller', destination }),
  )
  const closed = once(stream, 'close')
  print(stream)
  stream.end()
  await closed
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('logStrayOutput', () => {
  it('logs each line with a code, however the output is cut, and also a last line without a line feed', async () => {
    const lines = await logged((stream) => {
      stream.write('internal error, index ')
      stream.write('points to a 00 page!?\n\nNo current read')
      stream.write(' transaction available')
    })
    expect(lines.map(({ code, msg }) => ({ code, msg }))).toEqual([
      { code: 'strayOutput', msg: 'internal error, index points to a 00 page!?' },
      { code: 'strayOutput', msg: 'No current read transaction available' },
    ])
  })

  it('logs a bounded number of lines; of the excess it logs the last lines and counts the others', async () => {
    const lines = await logged((stream) => {
      for (let n = 0; n < 10_000; n++) stream.write(`line ${n}\n`)
    })
    expect(lines.length).toBeLessThan(200)
    expect(lines.at(-1)).toMatchObject({ msg: 'line 9999' })
    const told = lines.filter(({ msg }) => /^line \d+$/.test(String(msg))).length
    expect(lines.find(({ leftOut }) => leftOut !== undefined)).toMatchObject({ leftOut: 10_000 - told })
  })
})
