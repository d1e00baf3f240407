// A process that changes small rows, many at once, until it is killed. It prints each outcome when it gets it. The rows
// of one change have the same content, so that half a change is visible. Usage: node victim.mjs <directory> <round>
import { writeSync } from 'node:fs'
import { openSmallRows } from '#dist/broker/storage/small-rows/store.js'

const [directory, round] = process.argv.slice(2)
const KEYS = 12
const AT_ONCE = 40

const store = await openSmallRows(directory, {
  onBroken: (error) => {
    throw error
  },
})
const put = (key, content, expected) => ({
  family: 'document',
  key,
  value: { content, updatedAt: 1 },
  expected,
})

/** Puts pairs of rows, alternately without an expected version and with the version that was read. */
async function run(worker) {
  for (let turn = 0; ; turn++) {
    const content = `${round}-${worker}-${turn}`
    const key = (worker * 7 + turn) % KEYS
    const expected = turn % 2 === 0 ? undefined : (store.get('document', `a${key}`)?.version ?? 0)
    const writes = [put(`a${key}`, content, expected), put(`b${key}`, content, undefined)]
    const { is, version } = await store.change(writes)
    // Written synchronously: every line that the parent reads is an outcome from before the kill.
    writeSync(1, `${is} ${key} ${content} ${version}\n`)
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, (_, worker) => run(worker)))
