#!/usr/bin/env node
// The command's first step, in plain JavaScript so that it runs from a bare clone. `npm ci` compiles the sources, but not
// where install scripts are disabled: then the first call compiles them, once, and says so. Everything else is in main.ts.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const WAIT_MS = 100
/** No compilation takes so long: an older lock is left over, whatever process has the number in it by now. */
const LOCK_MS_MAX = 600_000
/** Nor does the writing of its number: a lock that stays empty is of a process that ended meanwhile, or had no room on the disk. */
const EMPTY_LOCK_MS_MAX = 10_000
const root = new URL('../', import.meta.url)
const main = new URL('dist/cli/main.js', root)
/** Holds the id of the process that compiles: commands may be started together, and none may run what is written in part. */
const lock = new URL('.compiling', root)

// A shell that completes a line does not wait for a compiler.
if (process.argv[2] === 'completion' && process.argv.includes('--candidates')) {
  if (existsSync(lock) || !existsSync(main)) process.exit()
}

while (existsSync(lock) || !existsSync(main)) {
  const taken = takeLock()
  if (taken === 'held') await delay(WAIT_MS)
  // The holder before has finished since this process looked: to compile again would change files that it loads.
  else if (taken === 'free' && existsSync(main)) rmSync(lock, { force: true })
  else await compile()
}

await import(main.href)

/**
 * Takes the lock. Returns 'held' if another process has it, 'free' if it was free, and 'left' if its holder is gone: what that
 * one compiled may be a part.
 */
function takeLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return 'free'
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (isHeld()) return 'held'
    rmSync(lock, { force: true })
    return takeLock() === 'held' ? 'held' : 'left'
  }
}

function isHeld() {
  try {
    const ageMs = Date.now() - statSync(lock).mtimeMs
    if (ageMs > LOCK_MS_MAX) return false
    const holder = Number(readFileSync(lock, 'utf8'))
    // Empty while its holder writes it.
    if (holder === 0) return ageMs <= EMPTY_LOCK_MS_MAX
    // In a container, each start may give the command the number that it had before.
    return holder !== process.pid && process.kill(holder, 0)
  } catch (error) {
    // Without the file, its holder has just finished: the caller looks again.
    return error.code === 'EPERM' || error.code === 'ENOENT'
  }
}

async function compile() {
  // A package that was packed has no scripts, and needs none.
  const compiler = await import('../scripts/compile.js').catch(() => undefined)
  const isInstalled = compiler?.canCompile() === true
  if (isInstalled) process.stderr.write('Compiling millrace, once …\n')
  const isDone = isInstalled && compiler.compile({ stdio: ['ignore', 2, 2] }) === 0
  rmSync(lock, { force: true })
  if (isDone) return
  process.stderr.write(
    isInstalled
      ? 'millrace could not be compiled: see above.\n'
      : 'millrace is not installed here: run `npm ci` in its folder first.\n',
  )
  process.exit(1)
}
