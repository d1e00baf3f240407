// A member of a group over TLS, with a token: its heartbeat has a thread and a connection of its own, and needs both there.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect } from 'millrace'
import { TestAuthority } from '../../support/certificates.ts'
import { TestDaemon } from '../../support/daemon.ts'

let dir: string
let authority: TestAuthority
let daemon: TestDaemon
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  authority = await TestAuthority.make()
  const { cert, key } = await authority.sign(['localhost', '127.0.0.1'])
  for (const [name, text] of Object.entries({ cert, key, ca: authority.ca }))
    await writeFile(join(dir, `${name}.pem`), text)
  daemon = await TestDaemon.start({ tlsDir: dir })
})
afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

it('a handler that blocks the event loop for longer than the lease keeps it, because the thread renews by TLS', async () => {
  const asked: string[] = []
  await using client = await connect(daemon.url, {
    tls: () => {
      asked.push('tls')
      return { ca: authority.ca }
    },
    token: async () => (await readFile(join(daemon.dataDir, 'root.token'), 'utf8')).trim(),
  })
  await client.createStream('clicks')
  await client.put('clicks', { partitionKey: 'a', data: 'x' })
  const events: string[] = []
  const leaseMs = 2000
  const group = client.group({
    stream: 'clicks',
    name: 'billing',
    leaseMs,
    onEvent: ({ type }) => events.push(type),
  })
  const before = asked.length
  let stored = false
  await group.run(async (_records, context) => {
    const until = performance.now() + 3 * leaseMs
    while (performance.now() < until);
    await context.checkpoint()
    stored = true
    void group.stop()
  })
  expect(stored).toBe(true)
  expect(events).not.toContain('heartbeatInMainThread')
  expect(asked.length).toBeGreaterThan(before)
})
