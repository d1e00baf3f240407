// 5,000 handshakes that are never completed, against a daemon that takes fewer connections: clients are served all the same.
// Skipped where a process may not have that many files open.
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { connect, MillraceError } from 'millrace'
import { TestAuthority } from '../../../support/certificates.ts'
import { TestDaemon } from '../../../support/daemon.ts'

const CROWD = 5_000
const filesMax = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
/** A client hello that is cut. */
const HALF = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])

/** A handshake among a crowd of others may have to make room for them; then it is made again. */
async function persistently<T>(make: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 60_000
  for (;;) {
    try {
      return await make()
    } catch (error) {
      if (!MillraceError.is(error, 'unavailable') || performance.now() > deadline) throw error
    }
  }
}

it.skipIf(filesMax < 2 * CROWD)('clients connect, write and read beside 5,000 half handshakes', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  const authority = await TestAuthority.make()
  const { cert, key } = await authority.sign(['localhost', '127.0.0.1'])
  for (const [name, pem] of Object.entries({ cert, key })) await writeFile(join(dir, `${name}.pem`), pem)
  await using daemon = await TestDaemon.start({ tlsDir: dir, maxConnections: '1000' })
  const crowd: Socket[] = []
  let isOver = false
  /** Comes again whenever it has to make room. */
  const come = (i: number): void => {
    if (isOver) return
    const socket = (crowd[i] = connectTcp(daemon.port, '127.0.0.1'))
    socket.on('error', () => {})
    socket.once('connect', () => socket.write(HALF))
    socket.once('close', () => setTimeout(come, 1000, i))
  }
  try {
    for (let i = 0; i < CROWD; i++) come(i)
    const token = async () => (await readFile(join(daemon.dataDir, 'root.token'), 'utf8')).trim()
    for (let round = 0; round < 5; round++) {
      await using client = await persistently(() => connect(daemon.url, { tls: { ca: authority.ca }, token }))
      await client.createStream(`clicks-${round}`)
      await client.put(`clicks-${round}`, { partitionKey: 'a', data: 'x' })
      for await (const record of client.read(`clicks-${round}`)) {
        expect(String(record.data)).toBe('x')
        break
      }
    }
  } finally {
    isOver = true
    for (const socket of crowd) socket?.destroy()
    await rm(dir, { recursive: true, force: true })
  }
})
