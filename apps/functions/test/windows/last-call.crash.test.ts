// The last call of a tumbling window, in which the process of the app is killed: at its beginning, as it answers, and while the answer is being
// stored. In the end the window has been closed once, with every record in its state, and the next one begins with an empty state.
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'
import { expect, it } from 'vitest'
import { createFunction, createMapping } from '#dist/definitions/index.js'
import { startCommand } from '../../../../test/cli/command.ts'

/** When the process is killed, as waits after the answer of the last call; undefined: before it. */
const deaths = [undefined, 0, 2, 8]

/** Counts what it is called with. Its process dies in the first last calls, by the file that counts its deaths. */
const handlerOf = (died: string): string => `
import { readFileSync, writeFileSync } from 'node:fs'
const deaths = ${JSON.stringify(deaths.map((wait) => wait ?? null))}
const die = () => process.kill(process.pid, 'SIGKILL')
export const handler = ({ Records, state, window, isFinalInvokeForWindow }) => {
  const count = (state.count ?? 0) + Records.length
  if (!isFinalInvokeForWindow) return { state: { count } }
  const done = Number(readFileSync(${JSON.stringify(died)}, 'utf8'))
  if (done < deaths.length) {
    writeFileSync(${JSON.stringify(died)}, String(done + 1))
    if (deaths[done] === null) die()
    else setTimeout(die, deaths[done])
  }
  return { records: [{ data: { start: window.start, count } }] }
}
`

it('is made again until its answer is stored, and stored once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'functions-windows-'))
  const [died, path] = [join(folder, 'died'), join(folder, 'count.mjs')]
  await writeFile(died, '0')
  await writeFile(path, handlerOf(died))
  const broker = await createBroker()
  const client = await connect(broker.url, { dial: broker.dial })
  const put = (count: number) =>
    client.putMany(
      'clicks',
      Array.from({ length: count }, (_, i) => ({ partitionKey: `${i % 3}`, data: `${i}` })),
    )
  try {
    await client.createStream('clicks')
    const door = { client, now: Date.now, uuid: randomUUID }
    await createFunction(door, 'count', {
      target: { type: 'module', path, handler: 'handler' },
      timeoutMs: 60_000,
    })
    await createMapping(door, {
      function: 'count',
      source: { stream: 'clicks' },
      to: { stream: 'counts' },
      tumblingWindowMs: 1000,
      batchSize: 4,
    })
    const counts = async (): Promise<{ start: number; count: number }[]> => {
      const found = []
      for await (const { data } of client.read('counts')) found.push(JSON.parse(Buffer.from(data).toString()))
      return found
    }
    const sum = async (): Promise<number> => (await counts()).reduce((all, { count }) => all + count, 0)
    for (let started = 0; started < deaths.length; started++) {
      // The window before may have been closed by its dying process.
      await put(4)
      const app = startCommand(['function', 'serve', '--port', '0'], { url: broker.url })
      app.stdout!.resume()
      app.stderr!.resume()
      await once(app, 'exit')
      expect(app.signalCode).toBe('SIGKILL')
    }
    expect(await readFile(died, 'utf8')).toBe(String(deaths.length))
    const app = startCommand(['function', 'serve', '--port', '0'], { url: broker.url })
    app.stdout!.resume()
    app.stderr!.resume()
    try {
      await expect.poll(sum).toBe(4 * deaths.length)
      // What was stored twice would be before these.
      await put(4)
      await expect.poll(sum).toBe(4 * deaths.length + 4)
    } finally {
      const ended = once(app, 'exit')
      app.kill('SIGINT')
      await ended
    }
    const starts = (await counts()).map(({ start }) => start)
    expect(starts).toEqual([...new Set(starts)].toSorted((a, b) => a - b))
  } finally {
    await client.close()
    await broker.close()
    await rm(folder, { recursive: true })
  }
})
