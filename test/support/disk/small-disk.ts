// A disk of a few megabytes that a test can fill to its last block: a tmpfs in the mount namespace of a child process,
// reached through /proc. It disappears with that process, however the test ends. Linux only, and only if the test's
// user may create a namespace.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Ends with its standard input, and so with the test's process. */
const HOLD =
  'mount -t tmpfs -o "size=$1,nr_inodes=$2" tmpfs /mnt && mkdir /mnt/data && echo mounted && exec cat'
/** More than a test needs, unless it fills them. */
const INODES = 1000
const FILLING_CHUNKS = [65_536, 4096]

export class SmallDisk implements AsyncDisposable {
  /** An empty directory on the disk. */
  readonly path: string
  readonly #holder: ChildProcess
  readonly #filling: string
  readonly #inodes: string
  #files = 0

  private constructor(holder: ChildProcess) {
    this.#holder = holder
    const root = join('/proc', String(holder.pid), 'root', 'mnt')
    this.path = join(root, 'data')
    this.#filling = join(root, 'filling')
    this.#inodes = join(root, 'inodes')
  }

  /** Undefined if the system does not allow this process a disk. */
  static async mount(bytes: number): Promise<SmallDisk | undefined> {
    const args = [
      '--user',
      '--map-root-user',
      '--mount',
      'sh',
      '-c',
      HOLD,
      'sh',
      String(bytes),
      String(INODES),
    ]
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'ignore'] })
    const ended = new Promise<string>((resolve) => {
      holder.once('error', () => resolve('missing')).once('exit', () => resolve('ended'))
    })
    const said = await Promise.race([once(holder.stdout, 'data').then(String), ended])
    return said.startsWith('mounted') ? new SmallDisk(holder) : undefined
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Fills the disk except for `exceptBytes`. */
  fill(exceptBytes = 0): void {
    const file = openSync(this.#filling, 'a')
    try {
      for (const chunk of FILLING_CHUNKS)
        while (this.freeBytes - chunk >= exceptBytes && write(file, chunk)) {}
    } finally {
      closeSync(file)
    }
  }

  /** Takes the inodes that are left, except for some: no more files or directories can be created than that. */
  fillInodes(except = 0): void {
    mkdirSync(this.#inodes, { recursive: true })
    for (;;) {
      try {
        closeSync(openSync(join(this.#inodes, String(this.#files++)), 'wx'))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        break
      }
    }
    for (const name of readdirSync(this.#inodes).slice(0, except)) rmSync(join(this.#inodes, name))
  }

  /** Frees what `fill` and `fillInodes` took. */
  clear(): void {
    rmSync(this.#filling, { force: true })
    rmSync(this.#inodes, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#holder, 'exit')
    this.#holder.stdin?.end()
    await gone
  }
}

/** Returns false if there is no room for the bytes. */
function write(file: number, bytes: number): boolean {
  try {
    return writeSync(file, new Uint8Array(bytes)) === bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
