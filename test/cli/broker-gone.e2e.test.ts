// A broker that goes away while a verb runs: the verb says so, waits, and loses and doubles nothing.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { command, startCommand } from './command.ts'

function start(url: string, ...args: string[]) {
  const child = startCommand(args, { url })
  onTestFinished(() => void child.kill('SIGKILL'))
  const closed = once(child, 'close')
  const problems = createInterface({ input: child.stderr! })[Symbol.asyncIterator]()
  return { child, closed, problems }
}

const lost = /^millrace: .*(was lost|No connection).* Trying again\.$/

it('consume --follow: says that the broker is gone, and continues when it is back', async () => {
  await using daemon = await TestDaemon.start()
  const { url } = daemon
  await command(['stream', 'create', 'followed'], { url })
  const { child, closed, problems } = start(url, 'consume', 'followed', '--from', 'TRIM_HORIZON', '--follow')
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  await command(['put', 'followed', 'before'], { url })
  expect((await lines.next()).value).toBe('before')
  await daemon.killAll(await daemon.hostPids())
  expect((await problems.next()).value).toMatch(lost)
  await daemon.restart()
  await command(['put', 'followed', 'after'], { url })
  expect((await lines.next()).value).toBe('after')
  child.kill('SIGINT')
  expect(await closed).toEqual([0, null])
})

it('produce: says that the broker is gone, and stores every line once when it is back', async () => {
  await using daemon = await TestDaemon.start()
  const { url } = daemon
  await command(['stream', 'create', 'fed'], { url })
  const { child, closed, problems } = start(url, 'produce', 'fed', '--key', 'k', '--json')
  const report = buffer(child.stdout!)
  const hosts = await daemon.hostPids()
  child.stdin!.write('one\n')
  while ((await command(['consume', 'fed'], { url })).stdout.length === 0);
  await daemon.killAll(hosts)
  child.stdin!.write('two\n')
  expect((await problems.next()).value).toMatch(lost)
  await daemon.restart()
  child.stdin!.end('three\n')
  expect(await closed).toEqual([0, null])
  expect(JSON.parse(String(await report))).toMatchObject({ records: 3, durability: 'disk' })
  expect(String((await command(['consume', 'fed'], { url })).stdout)).toBe('one\ntwo\nthree\n')
})
