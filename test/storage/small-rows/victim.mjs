// A process that changes small rows until it is killed: many at once, and it says of each what it was told, once it was told.
// Rows of one change carry the same content, so that a half of one can be seen. Usage: node victim.mjs <directory> <round>
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

/** Puts pairs of rows, by turns whatever is there and only over what was read. */
async function run(worker) {
  for (let turn = 0; ; turn++) {
    const content = `${round}-${worker}-${turn}`
    const key = (worker * 7 + turn) % KEYS
    const expected = turn % 2 === 0 ? undefined : (store.get('document', `a${key}`)?.version ?? 0)
    const writes = [put(`a${key}`, content, expected), put(`b${key}`, content, undefined)]
    const { is, version } = await store.change(writes)
    // Written through: a line that the parent has is one that was told before the kill.
    writeSync(1, `${is} ${key} ${content} ${version}\n`)
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, (_, worker) => run(worker)))
