// A file system in memory, with inodes: names can be moved and removed while files are open, inodes are used again, and time is the
// test's.
import { posix } from 'node:path'
import type { DirectoryEntry, Disk, DiskWatch, FileFacts, OpenedFile } from '../../../src/files/disk.ts'

interface Inode {
  readonly number: number
  content: Buffer
  modifiedAt: number
  changedAt: number
  readonly bornAt: number
  links: number
  opened: number
  isDenied: boolean
}

export class MemoryDisk implements Disk {
  readonly #now: () => number
  readonly #names = new Map<string, Inode>()
  readonly #directories = new Map<string, number>([['/', 0]])
  readonly #freed: number[] = []
  #nextInode = 1
  readonly #denied = new Set<string>()
  readonly #watches = new Map<string, Set<() => void>>()
  /** Called when a watch is asked for, before it is there. */
  onWatch: (path: string) => void = () => {}
  hasWatches = true
  openHandles = 0
  bytesRead = 0

  constructor(now: () => number) {
    this.#now = now
  }

  mkdir(path: string): void {
    this.#directories.set(path, this.#now())
    this.#touchParent(path)
  }

  append(path: string, text: string | Uint8Array): void {
    const inode = this.#names.get(path) ?? this.#create(path)
    inode.content = Buffer.concat([inode.content, Buffer.from(text as string)])
    this.#modified(inode)
  }

  create(path: string): void {
    this.unlink(path)
    this.#create(path)
  }

  truncate(path: string, bytes = 0): void {
    const inode = this.#names.get(path)!
    inode.content = Buffer.from(inode.content.subarray(0, bytes))
    this.#modified(inode)
  }

  copy(from: string, to: string): void {
    this.unlink(to)
    this.append(to, this.#names.get(from)!.content)
  }

  rename(from: string, to: string): void {
    const inode = this.#names.get(from)!
    this.unlink(to)
    this.#names.delete(from)
    this.#names.set(to, inode)
    inode.changedAt = this.#now()
    this.#touchParent(from)
    this.#touchParent(to)
  }

  unlink(path: string): void {
    const inode = this.#names.get(path)
    if (inode === undefined) return
    this.#names.delete(path)
    inode.links--
    this.#free(inode)
    this.#touchParent(path)
  }

  deny(path: string, isDenied = true): void {
    this.#names.get(path)!.isDenied = isDenied
  }

  /** Nobody may look into a directory any more. */
  denyDirectory(path: string, isDenied = true): void {
    if (isDenied) this.#denied.add(path)
    else this.#denied.delete(path)
  }

  get watched(): number {
    return [...this.#watches.values()].reduce((sum, watches) => sum + watches.size, 0)
  }

  isWatched(path: string): boolean {
    return (this.#watches.get(path)?.size ?? 0) > 0
  }

  watch(path: string, onChange: () => void): DiskWatch | undefined {
    this.onWatch(path)
    if (!this.hasWatches || !this.#names.has(path)) return undefined
    const watches = this.#watches.get(path) ?? new Set()
    this.#watches.set(path, watches.add(onChange))
    return { close: () => void watches.delete(onChange) }
  }

  has(path: string): boolean {
    return this.#names.has(path)
  }

  list(directory: string): Promise<readonly DirectoryEntry[] | undefined> {
    if (this.#denied.has(directory)) return Promise.reject(denied(directory))
    if (!this.#directories.has(directory)) return Promise.resolve(undefined)
    const files = [...this.#names.keys()].map((path) => ({ path, kind: 'file' as const }))
    const directories = [...this.#directories.keys()].map((path) => ({ path, kind: 'directory' as const }))
    const inside = [...files, ...directories].filter(
      ({ path }) => path !== '/' && posix.dirname(path) === directory,
    )
    return Promise.resolve(inside.map(({ path, kind }) => ({ name: posix.basename(path), kind })))
  }

  facts(path: string): Promise<FileFacts | undefined> {
    if (this.#denied.has(posix.dirname(path))) return Promise.reject(denied(path))
    const inode = this.#names.get(path)
    if (inode !== undefined) return Promise.resolve(factsOf(inode))
    const changedAt = this.#directories.get(path)
    if (changedAt === undefined) return Promise.resolve(undefined)
    const times = { modifiedAt: changedAt, changedAt, bornAt: 0 }
    return Promise.resolve({ device: '1', inode: `d${path}`, kind: 'directory', size: 0, links: 1, ...times })
  }

  open(path: string): Promise<OpenedFile | undefined> {
    const inode = this.#names.get(path)
    if (inode === undefined) return Promise.resolve(undefined)
    if (inode.isDenied) return Promise.reject(denied(path))
    this.openHandles++
    inode.opened++
    return Promise.resolve({
      facts: () => Promise.resolve(factsOf(inode)),
      read: (target, offset) => {
        const bytes = inode.content.subarray(offset, offset + target.length)
        target.set(bytes)
        this.bytesRead += bytes.length
        return Promise.resolve(bytes.length)
      },
      close: () => {
        this.openHandles--
        inode.opened--
        this.#free(inode)
        return Promise.resolve()
      },
    })
  }

  #create(path: string): Inode {
    const now = this.#now()
    const number = this.#freed.shift() ?? this.#nextInode++
    const times = { modifiedAt: now, changedAt: now, bornAt: now }
    const inode: Inode = { number, content: Buffer.alloc(0), ...times, links: 1, opened: 0, isDenied: false }
    this.#names.set(path, inode)
    this.#touchParent(path)
    return inode
  }

  #free({ number, links, opened }: Inode): void {
    if (links === 0 && opened === 0) this.#freed.push(number)
  }

  #modified(inode: Inode): void {
    inode.modifiedAt = this.#now()
    inode.changedAt = inode.modifiedAt
    for (const [path, watches] of this.#watches)
      if (this.#names.get(path) === inode) for (const tell of watches) tell()
  }

  #touchParent(path: string): void {
    this.#directories.set(posix.dirname(path), this.#now())
  }
}

function denied(path: string): Error {
  return Object.assign(new Error(`EACCES: permission denied, open '${path}'`), { code: 'EACCES' })
}

function factsOf({ number, content, modifiedAt, changedAt, bornAt, links }: Inode): FileFacts {
  const times = { modifiedAt, changedAt, bornAt }
  return { device: '1', inode: String(number), kind: 'file', size: content.length, links, ...times }
}
