// The programs of examples/kinesis that this machine can run, against an endpoint of their own: they are shown as they are, and run so
// but for the port.
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
const environment = {
  ...process.env,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'any',
  AWS_SECRET_ACCESS_KEY: 'any',
}
const hasBoto3 = spawnSync('python3', ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0

let endpoint: KinesisEndpoint
beforeAll(async () => {
  endpoint = await createKinesisEndpoint({ port: 0 })
})
afterAll(() => endpoint.close())

/** The text of an example, with the port of this test. */
async function example(name: string): Promise<string> {
  const text = await readFile(join(root, 'examples/kinesis', name), 'utf8')
  expect(text).toContain('http://127.0.0.1:4567')
  return text.replace('http://127.0.0.1:4567', endpoint.url)
}

describe('examples/kinesis', () => {
  it('sdk.mjs puts a record and reads it back', async () => {
    const program = await example('sdk.mjs')
    const options = { cwd: root, env: environment }
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], options)
    expect(stdout).toBe('ada /cart\n')
  })

  it.skipIf(!hasBoto3)('sdk.py does so, where Python has boto3', async () => {
    const { stdout } = await run('python3', ['-c', await example('sdk.py')], { env: environment })
    expect(stdout).toBe('ada /cart\n')
  })
})
