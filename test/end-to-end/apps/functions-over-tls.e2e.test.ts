// A delivery whose records go through a function, where the port of functions shows a certificate of the broker's private authority.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { connect } from 'millrace'
import { command } from '../../cli/command.ts'
import { TestAuthority } from '../../support/certificates.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { freePort } from '../../support/ports.ts'

it('the app delivery calls the app functions over TLS by the authority that it trusts for the broker', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-function-tls-'))
  try {
    const authority = await TestAuthority.make()
    const { cert, key } = await authority.sign(['localhost', '127.0.0.1'])
    const tlsDir = join(folder, 'tls')
    await mkdir(tlsDir)
    for (const [name, text] of Object.entries({ cert, key, ca: authority.ca }))
      await writeFile(join(tlsDir, `${name}.pem`), text)
    await using daemon = await TestDaemon.start({
      with: 'functions,delivery',
      tlsDir,
      functionsPort: String(await freePort()),
    })
    const tokenFile = join(daemon.dataDir, 'root.token')
    const token = (await readFile(tokenFile, 'utf8')).trim()
    await using client = await connect(daemon.url, { tls: { ca: authority.ca }, token })
    await client.createStream('clicks')
    await writeFile(
      join(folder, 'loud.mjs'),
      `export const handler = async ({ records }) => ({ records: records.map(({ recordId, data }) => ({
        recordId, result: 'Ok', data: Buffer.from(Buffer.from(data, 'base64').toString().toUpperCase()).toString('base64'),
      })) })`,
    )
    const env = { MILLRACE_CA: join(tlsDir, 'ca.pem'), MILLRACE_TOKEN: token }
    for (const line of [
      'function create loud --handler ./loud.mjs',
      'delivery create lake --stream clicks --to ./lake --transform loud --transform-interval 0s --buffer-interval 0s',
    ]) {
      const { code, stderr } = await command(line.split(' '), { url: daemon.url, cwd: folder, env })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    }
    const lake = join(folder, 'lake')
    await client.put('clicks', { partitionKey: 'a', data: 'quiet' })
    const texts = async () => {
      const entries = await readdir(lake, { recursive: true, withFileTypes: true }).catch(() => [])
      const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      return Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')))
    }
    await expect.poll(texts, { timeout: 120_000 }).toEqual(['QUIET\n'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
