// Certificates for an endpoint, made by the `millrace tls` of this repository in a folder that is gone afterwards.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cli = fileURLToPath(new URL('../../../../../cli/millrace.js', import.meta.url))

export interface Certificates {
  /** All in PEM. The certificate is for localhost, and signed by the authority. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  try {
    await run(process.execPath, [cli, 'tls', 'init', '--dir', directory])
    const read = (file: string) => readFile(join(directory, file), 'utf8')
    return { ca: await read('ca.pem'), cert: await read('cert.pem'), key: await read('key.pem') }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
