// A process that takes a directory's lock again and again. While it holds the lock, it creates a file that only a
// holder creates. The test fails if it finds the file of another living process. Usage: node contender.mjs <directory>
// <turns>
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { lockDirectory } from '#dist/broker/storage/directory-lock.js'
import { isProcessAlive } from '#dist/broker/storage/disk/process-identity.js'

const [directory, turns] = process.argv.slice(2)
const inside = join(directory, 'inside')

async function enter() {
  try {
    writeFileSync(inside, String(process.pid), { flag: 'wx' })
  } catch {
    const other = Number(readFileSync(inside, 'utf8'))
    if (await isProcessAlive(other, undefined))
      throw new Error(`${process.pid} and ${other} both hold the lock`)
    writeFileSync(inside, String(process.pid))
  }
}

for (let turn = 0; turn < Number(turns); turn++) {
  const lock = await lockDirectory(directory, { waitMs: 60_000 })
  await enter()
  writeSync(1, `${turn}\n`)
  await setTimeout(Math.random() * 3)
  rmSync(inside)
  await lock.release()
}
