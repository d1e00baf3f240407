// The file system as the app sees it: the door that tests replace. The only place of `files/` that touches the disk.
import { constants, watch, type BigIntStats } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'

export type FileKind = 'file' | 'directory' | 'special'

export interface FileFacts {
  /** Decimal numbers: they may have 64 bits. */
  readonly device: string
  readonly inode: string
  readonly kind: FileKind
  readonly size: number
  /** In ms since 1970, with fractions where the file system has them. */
  readonly modifiedAt: number
  readonly changedAt: number
  readonly bornAt: number
  /** Names that the file has. None: it was removed, and lives on while it is open. */
  readonly links: number
}

export interface DirectoryEntry {
  readonly name: string
  readonly kind: FileKind | 'link'
}

export interface OpenedFile {
  facts(): Promise<FileFacts>
  /** Fills the target from an offset of the file, as far as the file goes, and returns the number of bytes. */
  read(target: Uint8Array, offset: number): Promise<number>
  close(): Promise<void>
}

export interface DiskWatch {
  close(): void
}

/** Methods reject with Node's errors (`code`), except that what does not exist is `undefined`. */
export interface Disk {
  list(directory: string): Promise<readonly DirectoryEntry[] | undefined>
  facts(path: string): Promise<FileFacts | undefined>
  open(path: string): Promise<OpenedFile | undefined>
  /** Calls back when a file changes, soon or never; not before it has returned. Undefined where the system has no watch to give. */
  watch(path: string, onChange: () => void): DiskWatch | undefined
}

/** A pipe that took the place of a file must not keep the opening thread until somebody writes to it. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** The disk of this machine. */
export const nodeDisk: Disk = {
  list: (directory) =>
    unlessMissing(async () => {
      const entries = await readdir(directory, { withFileTypes: true })
      return entries.map((entry) => ({
        name: entry.name,
        kind: entry.isFile()
          ? 'file'
          : entry.isDirectory()
            ? 'directory'
            : entry.isSymbolicLink()
              ? 'link'
              : 'special',
      }))
    }),
  facts: (path) => unlessMissing(async () => factsOf(await stat(path, { bigint: true }))),
  open: (path) =>
    unlessMissing(async () => {
      const handle = await open(path, READ_FLAGS)
      return {
        facts: async () => factsOf(await handle.stat({ bigint: true })),
        read: async (target, offset) => {
          let filled = 0
          while (filled < target.length) {
            const { bytesRead } = await handle.read(target, filled, target.length - filled, offset + filled)
            if (bytesRead === 0) break
            filled += bytesRead
          }
          return filled
        },
        close: () => handle.close(),
      }
    }),
  watch: (path, onChange) => {
    try {
      const watcher = watch(path, { persistent: false }, onChange)
      // What ends a watch, such as the end of its file, is a change too.
      watcher.on('error', onChange)
      return watcher
    } catch {
      return undefined
    }
  },
}

async function unlessMissing<T>(access: () => Promise<T>): Promise<T | undefined> {
  try {
    return await access()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function factsOf(stats: BigIntStats): FileFacts {
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'special',
    size: Number(stats.size),
    modifiedAt: Number(stats.mtimeNs) / 1e6,
    changedAt: Number(stats.ctimeNs) / 1e6,
    bornAt: Number(stats.birthtimeNs) / 1e6,
    links: Number(stats.nlink),
  }
}
