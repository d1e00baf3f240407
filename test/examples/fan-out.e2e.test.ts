// The example of fan-out, as users start it: each registered consumer sees everything.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { connect } from 'millrace'
import { expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'

const run = promisify(execFile)

it('fan-out.ts pushes every click to both consumers, and tells where they are', async () => {
  await using daemon = await TestDaemon.start()
  const program = fileURLToPath(import.meta.resolve('#dist/examples/fan-out.js'))
  const { stdout } = await run(process.execPath, [program, daemon.url])
  const lines = stdout.trimEnd().split('\n')
  expect(lines.slice(0, 2).toSorted()).toEqual([
    'audit has seen 50 clicks of 10 users',
    'dashboard has seen 50 clicks of 10 users',
  ])
  expect(lines.slice(2)).toHaveLength(4)
  for (const line of lines.slice(2)) expect(line).toMatch(/^(dashboard|audit), shardId-\d{12}: 0 behind\. ./)
  await using client = await connect(daemon.url)
  expect((await client.listStreams().page()).items).toEqual([])
})
