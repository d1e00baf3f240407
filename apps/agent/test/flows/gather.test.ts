// Buffers: full by bytes, by records, or by age, whichever comes first.
import { describe, expect, it } from 'vitest'
import { gather } from '../../src/flows/gather.ts'
import { FakeFiles, runOf, WaitedTime } from '../support/fake-files.ts'
import type { LineRun } from '../../src/lines/line-run.ts'

const never = new AbortController().signal

function gathering(
  script: readonly (LineRun | undefined)[],
  buffer: { ageMs: number; records: number; bytes: number },
) {
  const time = new WaitedTime()
  const fake = new FakeFiles(script, time)
  const parts = { config: { buffer }, files: fake.files, rim: time }
  return { fake, time, next: () => gather(parts, never), parts }
}

const froms = (runs: readonly LineRun[] | undefined) => runs?.map(({ from }) => from)

describe('gather', () => {
  it('is full at the count of records, and asks for no more than are missing', async () => {
    const { next, fake } = gathering([runOf(0, ['a', 'b']), runOf(2, ['c']), runOf(3, ['d'])], {
      ageMs: 1000,
      records: 3,
      bytes: 1000,
    })
    expect(froms(await next())).toEqual([0, 2])
    expect(fake.asked.map(({ recordsMax }) => recordsMax)).toEqual([3, 1])
  })

  it('is full at the bytes', async () => {
    const { next } = gathering([runOf(0, ['12345']), runOf(5, ['12345']), runOf(10, ['1'])], {
      ageMs: 1000,
      records: 500,
      bytes: 10,
    })
    expect(froms(await next())).toEqual([0, 5])
  })

  it('is full at a thousand runs, since the journal keeps a range for each', async () => {
    const script = Array.from({ length: 1500 }, (_, index) => runOf(0, ['a'], `file-${index}`))
    const { next } = gathering(script, { ageMs: 1000, records: 50_000, bytes: 1_000_000 })
    expect(await next()).toHaveLength(1000)
    expect(await next()).toHaveLength(500)
  })

  it('waits for more until the first record has its age', async () => {
    const { next, time } = gathering([runOf(0, ['a']), ...Array<undefined>(30).fill(undefined)], {
      ageMs: 1000,
      records: 500,
      bytes: 1000,
    })
    expect(froms(await next())).toEqual([0])
    expect(time.at).toBeGreaterThanOrEqual(1000)
  })

  it('with an age of 0 gives what there is at once', async () => {
    const { next, time } = gathering([runOf(0, ['a']), undefined, undefined], {
      ageMs: 0,
      records: 500,
      bytes: 1000,
    })
    expect(froms(await next())).toEqual([0])
    expect(time.waits).toEqual([])
  })

  it('gives nothing where there is nothing, and says when it is the end', async () => {
    const { next } = gathering([undefined, undefined], { ageMs: 10, records: 5, bytes: 10 })
    expect(await next()).toEqual([])
    expect(await next()).toBeUndefined()
  })

  it('at the end gives what it has, however young', async () => {
    const { next, time } = gathering([runOf(0, ['a'])], { ageMs: 60_000, records: 500, bytes: 1000 })
    expect(froms(await next())).toEqual([0])
    expect(time.at).toBe(0)
  })
})
