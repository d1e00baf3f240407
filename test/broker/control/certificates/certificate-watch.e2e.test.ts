// Certificates that change on disk, as the broker takes them: by the clock of the test, so that only looks that are due happen.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CertificateWatch } from '../../../../broker/control/certificates/certificate-watch.ts'
import type { KeyedCertificate } from '../../../../cli/tls/certificates.ts'
import { timeBy } from '../../../../broker/time.ts'
import { TestAuthority } from '../../../support/certificates.ts'
import { CountedMetrics } from '../../../support/counted-metrics.ts'
import { FakeTime } from '../support/fake-time.ts'

const DAY_MS = 86_400_000

let dir: string
let authority: TestAuthority
const open: CertificateWatch[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  authority = await TestAuthority.make()
})
afterEach(async () => {
  for (const watch of open.splice(0)) watch.close()
  await rm(dir, { recursive: true, force: true })
})

async function write({ cert, key }: Partial<KeyedCertificate>) {
  if (key !== undefined) await writeFile(join(dir, 'key.pem'), key, { mode: 0o600 })
  if (cert !== undefined) await writeFile(join(dir, 'cert.pem'), cert)
}

async function watching() {
  const time = new FakeTime()
  // Certificates are checked by the real clock; expiry is told by this one.
  await time.advance(Date.now() - time.now())
  const lines: { level: number; msg: string }[] = []
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[0]) })
  const counted = new CountedMetrics()
  const metrics = counted.instruments
  let laterMs = 0
  const wall = timeBy(time, () => time.now() + laterMs)
  const watch = await CertificateWatch.open({ directory: dir, clients: 'none', time: wall, log, metrics })
  open.push(watch)
  const taken: string[] = []
  watch.onRenewed(({ cert }) => taken.push(cert))
  const said = (level: 'info' | 'warn') =>
    lines.filter((line) => line.level === (level === 'warn' ? 40 : 30)).map(({ msg }) => msg)
  /** Sets the clock to a later day, by which nothing is due but the next look. */
  const later = (days: number) => {
    laterMs += days * DAY_MS
    return time.advance(5_000)
  }
  return { time, watch, taken, said, counted, later }
}

it('a directory that cannot be used is refused at the start', async () => {
  await expect(watching()).rejects.toMatchObject({ code: 'invalidArgument' })
})

it('a new pair is taken at the next look, whether the system tells of it or not', async () => {
  await write(await authority.sign(['localhost']))
  const { time, taken, watch } = await watching()
  const next = await authority.sign(['localhost'])
  await write(next)
  expect(watch.current.cert).not.toBe(next.cert)
  await expect.poll(() => time.advance(5_000).then(() => watch.current.cert)).toBe(next.cert)
  expect(taken).toEqual([next.cert])
})

it('half of a pair changes nothing, is told once when it stays, and is forgotten when the other half comes', async () => {
  const first = await authority.sign(['localhost'])
  await write(first)
  const { time, taken, said, watch } = await watching()
  const next = await authority.sign(['localhost'])
  await write({ key: next.key })
  for (let look = 0; look < 2; look++)
    await expect.poll(() => time.advance(5_000).then(() => said('warn').length)).toBe(1)
  expect(said('warn')[0]).toContain(`${dir}/key.pem is not the key of cert.pem beside it`)
  expect(watch.current.cert).toBe(first.cert)
  await write({ cert: next.cert })
  await expect.poll(() => time.advance(5_000).then(() => taken)).toEqual([next.cert])
  expect(said('warn')).toHaveLength(1)
})

it('who asks for a look gets it at once, and the log says what came of it', async () => {
  const first = await authority.sign(['localhost'])
  await write(first)
  const { taken, said, watch } = await watching()
  await watch.reload()
  expect(said('info')).toEqual(['the certificates have not changed'])
  const next = await authority.sign(['localhost'])
  await write({ key: next.key })
  await watch.reload()
  expect(said('warn')).toHaveLength(1)
  await write({ cert: next.cert })
  await watch.reload()
  expect(taken).toEqual([next.cert])
  expect(watch.current).toMatchObject(next)
})

it('a certificate that expires within 14 days is told at the start and every day, until a new one comes', async () => {
  await write(await authority.sign(['localhost'], { endsAfterDays: 10 }))
  const { time, said, counted, later } = await watching()
  const soon = 'a certificate of the TLS directory expires soon'
  expect(said('warn')).toEqual([soon])
  const left = () => counted.sum('millrace_tls_certificate_expiry_seconds', 'cert.pem') * 1000
  expect(Math.round(left() / DAY_MS)).toBe(10)
  await later(0.5)
  await expect.poll(() => Math.round((10 * left()) / DAY_MS)).toBe(95)
  expect(said('warn')).toHaveLength(1)
  await later(0.6)
  await expect.poll(() => said('warn')).toEqual([soon, soon])
  await later(9)
  await expect
    .poll(() => said('warn').at(-1))
    .toBe('a certificate of the TLS directory has expired: clients refuse it')
  expect(left()).toBeLessThan(0)
  await write(await authority.sign(['localhost'], { endsAfterDays: 50 }))
  await expect.poll(() => time.advance(5_000).then(() => left())).toBeGreaterThan(14 * DAY_MS)
  const before = said('warn').length
  await later(2)
  await expect.poll(() => Math.round(left() / DAY_MS)).toBe(38)
  expect(said('warn')).toHaveLength(before)
})
