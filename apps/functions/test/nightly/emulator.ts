// Builds AWS' Runtime Interface Emulator by Go's own tools, and puts it where the tests look for it. Where there is no Go, its tests are
// skipped.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const PROGRAM =
  'github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@v0.0.0-20261030222936-bef5c4ba774d'

let directory: string | undefined

export async function setup(): Promise<void> {
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) return
  directory = await mkdtemp(join(tmpdir(), 'millrace-emulator-'))
  const env = { ...process.env, GOBIN: directory }
  const { status } = spawnSync('go', ['install', PROGRAM], { env, stdio: 'inherit' })
  if (status !== 0) throw new Error('The Runtime Interface Emulator could not be built.')
  process.env['PATH'] = `${directory}${delimiter}${process.env['PATH'] ?? ''}`
}

export async function teardown(): Promise<void> {
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
}
