// The example of aggregated records, as users start it.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createBroker } from 'millrace/broker'
import { expect, it } from 'vitest'

it('aggregation.ts packs clicks and reads each of them, those of one user in order', async () => {
  await using broker = await createBroker()
  const program = fileURLToPath(import.meta.resolve('#dist/examples/aggregation.js'))
  const { stdout } = await promisify(execFile)(process.execPath, [program, broker.url])
  const lines = stdout.trimEnd().split('\n')
  expect(lines.filter((line) => line.startsWith('stored '))).toHaveLength(2)
  const seen = new Map<string, string[]>()
  for (const [, user, page] of stdout.matchAll(/^read 0\.\d: (\w+) saw (\S+)$/gm)) {
    seen.set(user!, [...(seen.get(user!) ?? []), page!])
  }
  expect([...seen.keys()].toSorted()).toEqual(['ada', 'bob', 'cid'])
  for (const pages of seen.values()) expect(pages).toEqual(['/', '/cart'])
  expect(lines).toHaveLength(2 + 6)
})
