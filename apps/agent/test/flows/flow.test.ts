// A flow: everything that is read is sent and confirmed, a fault holds up reading and not memory, and doubts of an earlier run come first.
import { describe, expect, it } from 'vitest'
import type { FlowConfig } from '../../src/config/index.ts'
import type { Chunk } from '../../src/flows/chunk.ts'
import { Flow, type FlowEvent } from '../../src/flows/flow.ts'
import { emptyTally } from '../../src/flows/tally.ts'
import type { LineRun } from '../../src/lines/line-run.ts'
import { SendFault, type Sender, type SendOptions } from '../../src/send/sender.ts'
import { FakeFiles, FakePositions, runOf, WaitedTime } from '../support/fake-files.ts'

const config = {
  name: 'kinesis:clicks:/logs/*',
  destination: { type: 'stream', name: 'clicks' },
  buffer: { ageMs: 0, records: 1, bytes: 1000 },
  queueCapacity: 2,
  partitionKeys: 'RANDOM',
  processing: [],
  dataBytesMax: 1000,
  truncationTerminator: '\n',
} as unknown as FlowConfig

const never = (): AbortSignal => new AbortController().signal

/** A sender by a script: what happens at each call. */
class ScriptedSender implements Sender {
  readonly calls: string[] = []
  readonly #script: (() => Promise<void>)[]
  underWay = 0
  underWayMost = 0

  constructor(script: (() => Promise<void>)[] = []) {
    this.#script = script
  }

  send = async (chunk: Chunk, options: SendOptions): Promise<void> => this.#call('send', chunk, options)
  resume = async (plan: unknown, chunk: Chunk, options: SendOptions): Promise<void> =>
    this.#call(`resume ${JSON.stringify(plan)}`, chunk, options)
  check = async (): Promise<undefined> => undefined
  close = async (): Promise<void> => {}

  async #call(what: string, { records }: Chunk, { keep }: SendOptions): Promise<void> {
    this.underWay += 1
    this.underWayMost = Math.max(this.underWayMost, this.underWay)
    try {
      this.calls.push(`${what}: ${records.map(({ data }) => Buffer.from(data).toString()).join()}`)
      const step = this.#script.shift()
      await keep({ plan: this.calls.length })
      await step?.()
    } finally {
      this.underWay -= 1
    }
  }
}

const fault = (message: string) => () => Promise.reject(new SendFault(message))

function flowOf(
  script: readonly (LineRun | undefined)[],
  sender: ScriptedSender,
  more: { isOnce?: boolean; config?: object } = {},
) {
  const time = new WaitedTime()
  const files = new FakeFiles(script, time)
  const positions = new FakePositions()
  const tally = emptyTally()
  const events: FlowEvent[] = []
  const flow = new Flow({
    config: { ...config, ...more.config },
    files: files.files,
    positions: positions.positions,
    sender,
    tally,
    rim: time,
    isOnce: more.isOnce ?? false,
    onEvent: (event) => events.push(event),
  })
  return { flow, files, positions, tally, events, time }
}

const three = [runOf(0, ['a']), runOf(1, ['b']), runOf(2, ['c'])]

describe('Flow', () => {
  it('prepares, sends and confirms each chunk', async () => {
    const sender = new ScriptedSender()
    const { flow, positions, tally } = flowOf(three, sender)
    await flow.run(never(), never())
    expect(sender.calls).toEqual(['send: a', 'send: b', 'send: c'])
    for (const from of [0, 1, 2]) {
      const told = positions.told.filter((each) => each.endsWith(` ${from}`))
      expect(told).toEqual([`prepared ${from}`, `confirmed ${from}`])
    }
    expect(tally).toMatchObject({ recordsRead: 3, bytesRead: 3, recordsSent: 3, bytesSent: 3 })
    expect(flow.state).toBe('ended')
  })

  it('has no more chunks on their way than its queue holds', async () => {
    const pass = () => new Promise<void>((resolve) => setImmediate(resolve))
    const sender = new ScriptedSender(Array(20).fill(pass))
    const { flow } = flowOf(
      Array.from({ length: 20 }, (_, index) => runOf(index, ['a'])),
      sender,
    )
    await flow.run(never(), never())
    expect(sender.calls).toHaveLength(20)
    expect(sender.underWayMost).toBe(2)
  })

  it('leaves nothing on its way where it cannot go on, so that whoever begins anew finds all of it settled', async () => {
    const begun: string[] = []
    let keepLate: () => void = () => {}
    const isKept = new Promise<void>((resolve) => (keepLate = resolve))
    const sender = new ScriptedSender()
    // As the writer to the broker: it rejects at once when its signal aborts, whatever it was about.
    sender.send = async ({ records }, { keep, signal }) => {
      begun.push(records.map(({ data }) => Buffer.from(data).toString()).join())
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'))
          setImmediate(keepLate)
        }),
      )
      await Promise.race([keep('plan'), aborted])
    }
    const { flow, files, positions } = flowOf([runOf(0, ['a'])], sender, {
      config: { buffer: { ageMs: 0, records: 1, bytes: 1000 } },
    })
    const told: string[] = []
    positions.prepared = async () => {
      await isKept
      told.push('prepared')
    }
    const next = files.next.bind(files)
    files.next = async (limits) => {
      if (files.isEnded) throw new Error('No space is left.')
      return next(limits)
    }
    Object.defineProperty(files, 'isEnded', { get: () => begun.length > 0 })
    await expect(flow.run(never(), never())).rejects.toThrow('No space is left.')
    expect(told).toEqual(['prepared'])
    expect(flow.onItsWay).toEqual({ chunks: 0, bytes: 0 })
    expect(flow.state).toBe('failed')
  })

  it('finishes a chunk that met a fault by its plan, reads nothing meanwhile, and says why', async () => {
    const sender = new ScriptedSender([
      fault('The stream clicks does not exist.'),
      async () => {},
      fault('Still not.'),
    ])
    const { flow, files, events, positions } = flowOf(three, sender, { config: { queueCapacity: 1 } })
    await flow.run(never(), never())
    expect(sender.calls).toEqual([
      'send: a',
      'resume {"plan":1}: a',
      'send: b',
      'resume {"plan":3}: b',
      'send: c',
    ])
    expect(positions.told.filter((told) => told.startsWith('confirmed'))).toEqual([
      'confirmed 0',
      'confirmed 1',
      'confirmed 2',
    ])
    expect(files.holds).toContain('The stream clicks does not exist.')
    expect(files.holds.at(-1)).toBeUndefined()
    expect(events.map((event) => (event.type === 'fault' ? event.message : event.type))).toEqual([
      'The stream clicks does not exist.',
      'recovered',
      'Still not.',
      'recovered',
    ])
  })

  it('tries chunks that met faults again one after another, the oldest first', async () => {
    const sender = new ScriptedSender([fault('gone'), fault('gone'), fault('gone')])
    const { flow } = flowOf(three, sender)
    await flow.run(never(), never())
    expect(sender.calls.slice(0, 2).toSorted()).toEqual(['send: a', 'send: b'])
    const after = sender.calls.slice(2).map((call) => call.at(-1))
    expect(after.indexOf('a')).toBeLessThan(after.indexOf('b'))
    expect(after).toContain('c')
  })

  it('waits longer from fault to fault, up to half a minute', async () => {
    const sender = new ScriptedSender(Array.from({ length: 10 }, () => fault('gone')))
    const { flow, time } = flowOf([runOf(0, ['a'])], sender)
    await flow.run(never(), never())
    expect(time.waits.slice(0, 9)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  it('ends at a fault where it runs once, and leaves the chunk in doubt', async () => {
    const { flow, positions } = flowOf(three, new ScriptedSender([fault('no such delivery')]), {
      isOnce: true,
      config: { queueCapacity: 1 },
    })
    await expect(flow.run(never(), never())).rejects.toThrow('no such delivery')
    expect(positions.told).toEqual(['prepared 0'])
    expect(flow.state).toBe('failed')
  })

  it('confirms what holds no record without sending anything', async () => {
    const processing = [
      { type: 'log-to-json', format: 'SYSLOG', fields: ['a', 'b', 'c', 'd', 'e'], isPretty: false },
    ]
    const sender = new ScriptedSender()
    const { flow, positions, tally } = flowOf([runOf(0, ['not syslog'])], sender, { config: { processing } })
    await flow.run(never(), never())
    expect(sender.calls).toEqual([])
    expect(positions.told).toEqual(['confirmed 0'])
    expect(tally).toMatchObject({ recordsRead: 1, recordsSkipped: 1, recordsSent: 0 })
  })

  it('finishes doubts first, in their order, by the recipe that was kept with them', async () => {
    const sender = new ScriptedSender()
    const { flow, positions, tally } = flowOf([runOf(9, ['new'])], sender)
    const recipe = {
      keys: 'one',
      processing: [{ type: 'add-brackets' }],
      dataBytesMax: 1000,
      truncationTerminator: '\n',
    }
    const doubt = (from: number, to: number, append: string) => ({
      ranges: [{ file: 'file-1', from, to, tail: { bytes: 0, digest: '' } }],
      madeAt: 1,
      seed: 'seed',
      plan: { recipe, append },
    })
    positions.doubts.push(doubt(4, 6, 'second'), doubt(0, 3, 'first'))
    await flow.run(never(), never())
    expect(sender.calls).toEqual(['resume "second": {xx}', 'resume "first": {xxx}', 'send: new'])
    expect(tally.chunksResumed).toBe(2)
    expect(positions.told.slice(0, 5)).toEqual([
      'prepared 4',
      'confirmed 4',
      'prepared 0',
      'confirmed 0',
      'prepared 9',
    ])
  })

  it('says and counts that a doubt is lost whose bytes are gone, and goes on', async () => {
    const sender = new ScriptedSender()
    const { flow, positions, tally, events } = flowOf([runOf(9, ['new'])], sender)
    positions.doubts.push({
      ranges: [{ file: 'file-1', from: 5000, to: 6000, tail: { bytes: 0, digest: '' } }],
      madeAt: 1,
      seed: 'seed',
      plan: { recipe: {}, append: 1 },
    })
    await flow.run(never(), never())
    expect(sender.calls).toEqual(['send: new'])
    expect(tally.chunksLost).toBe(1)
    expect(events[0]).toMatchObject({
      type: 'lost',
      message: expect.stringContaining('The file is gone.') as string,
    })
  })

  it('reads no more once it is to end, and delivers what is on its way', async () => {
    const reading = new AbortController()
    const sender = new ScriptedSender([async () => reading.abort()])
    const { flow, positions } = flowOf(three, sender, { config: { queueCapacity: 1 } })
    await flow.run(reading.signal, never())
    expect(sender.calls).toEqual(['send: a'])
    expect(positions.told).toEqual(['prepared 0', 'confirmed 0'])
  })
})
