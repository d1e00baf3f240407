// The Go SDK over HTTP/1.1, and over HTTP/2 by TLS.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../clients/support/certificates.ts'
import { TestEndpoint } from '../clients/support/endpoint.ts'
import { buildGo, hasTool, Program, workingCopy } from './program.ts'

const hasGo = hasTool('go', 'version')

let endpoint: TestEndpoint
let program: string
let copy: Awaited<ReturnType<typeof workingCopy>>
let directory: string
let caFile: string

beforeAll(async () => {
  if (!hasGo) return
  copy = await workingCopy('go')
  program = await buildGo(copy.path)
  const { ca, cert, key } = await makeCertificates()
  directory = await mkdtemp(join(tmpdir(), 'millrace-ca-'))
  caFile = join(directory, 'ca.pem')
  await writeFile(caFile, ca)
  endpoint = await TestEndpoint.start({ tls: { cert, key } })
})
afterAll(async () => {
  await copy?.remove()
  if (hasGo) await rm(directory, { recursive: true, force: true })
  await endpoint?.[Symbol.asyncDispose]()
})

describe.skipIf(!hasGo)('the Go SDK (skipped without go)', () => {
  it.each(['http', 'https'])('puts, polls and subscribes through a split over %s', async (scheme) => {
    const url = `${scheme}://localhost:${endpoint.port}`
    await using started = Program.start(program, [url], { CA_FILE: caFile })
    const code = await started.finished()
    expect({ code, lines: started.lines, log: started.log() }).toMatchObject({ code: 0 })
    expect(started.has('OK')).toBe(true)
  })
})
