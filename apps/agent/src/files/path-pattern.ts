// Which paths a flow reads: the file pattern of its configuration. `*`, `?`, `[…]` and `{…,…}` mean what they mean to AWS' agent, in
// file names, and beyond it in names of directories too; `**` is any number of directories. A `*` also matches names that begin with
// a dot. Looks at names alone, so the size of files does not matter.
import picomatch from 'picomatch'
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path'
import type { Disk } from './disk.ts'

const MATCHING = { dot: true, noextglob: true, nonegate: true, strictSlashes: true } as const
const IGNORED_ENDINGS = /\.(gz|bz2|zip)$/i
/** Below a `**`: what is deeper is not looked for. */
const DEPTH_MAX = 32
const DIRECTORIES_MAX = 20_000

/** A name that matches and is no file to be read, or a directory that cannot be looked into. */
export interface PassedOver {
  readonly path: string
  readonly state: 'ignored' | 'directory' | 'special' | 'unreadable'
  readonly reason: string
}

export interface FoundPaths {
  /** Paths that match, and are files or links. */
  readonly paths: readonly string[]
  /** Directories that were looked into: where new files may appear. */
  readonly directories: readonly string[]
  readonly passedOver: readonly PassedOver[]
}

export class PathPattern {
  readonly #matches: (path: string) => boolean
  /** The directory below which everything lies. */
  readonly root: string
  /** Per level below the root, which names may be entered; absent where directories of any depth may. */
  readonly #levels: readonly ((name: string) => boolean)[] | undefined

  readonly #directoriesMax: number

  /** Throws a sentence where the pattern is not an absolute one that ends with a file name. */
  constructor(pattern: string, directoriesMax = DIRECTORIES_MAX) {
    this.#directoriesMax = directoriesMax
    if (!isAbsolute(pattern)) throw new Error(`filePattern ${pattern} must be an absolute path.`)
    if (/[/\\]$/.test(pattern)) throw new Error(`filePattern ${pattern} must end with a file name.`)
    const separated = sep === '/' ? pattern.replace(/\/{2,}/g, '/') : pattern.replaceAll(sep, '/')
    // Not this character: the one way to write it that the library knows.
    const slashed = separated.replace(/(?<!\\)\[!/g, '[^')
    const names = slashed.split('/')
    const fixed = names.slice(0, -1).findIndex((name) => /[*?[\]{}\\]/.test(name))
    const fixedCount = fixed === -1 ? names.length - 1 : fixed
    this.root = normalize(names.slice(0, fixedCount).join('/') || '/')
    this.#matches = picomatch(slashed, MATCHING)
    const below = names.slice(fixedCount, -1)
    const isAnyDepth = slashed.includes('**') || hasSlashInBraces(slashed)
    this.#levels = isAnyDepth ? undefined : below.map((name) => picomatch(name, MATCHING))
  }

  /** True for a path that is to be read. */
  includes(path: string): boolean {
    return this.#matches(sep === '/' ? path : path.replaceAll(sep, '/')) && !isIgnored(path)
  }

  /** Finds what matches now. What does not exist is no error: it may come later. */
  async find(disk: Disk): Promise<FoundPaths> {
    const found = { paths: [] as string[], directories: [] as string[], passedOver: [] as PassedOver[] }
    const ahead: { readonly path: string; readonly depth: number }[] = [{ path: this.root, depth: 0 }]
    let isCut = false
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
      const { path: directory, depth } = next
      found.directories.push(directory)
      const entries = await disk.list(directory).catch((error: NodeJS.ErrnoException) => {
        found.passedOver.push(unreadable(directory, error))
      })
      if (entries === undefined && isNameLost(directory)) found.passedOver.push(nameLost(directory))
      for (const { name, kind } of entries ?? []) {
        const path = join(directory, name)
        const isEntered = kind === 'directory' || (kind === 'link' && this.#levels !== undefined)
        if (isEntered && this.#mayEnter(name, depth)) {
          if (found.directories.length + ahead.length < this.#directoriesMax)
            ahead.push({ path, depth: depth + 1 })
          else isCut ||= this.#tellOf(path, found.passedOver)
        }
        this.#sort(path, kind, found)
      }
    }
    return found
  }

  /** Says that there are more directories than are looked into. */
  #tellOf(path: string, passedOver: PassedOver[]): true {
    const reason = `${path} and directories after it are not looked into, since ${this.root} has more than ${this.#directoriesMax} of them: name fewer by the pattern.`
    passedOver.push({ path, state: 'unreadable', reason })
    return true
  }

  #mayEnter(name: string, depth: number): boolean {
    return this.#levels === undefined ? depth < DEPTH_MAX : (this.#levels[depth]?.(name) ?? false)
  }

  #sort(
    path: string,
    kind: string,
    found: { readonly paths: string[]; readonly passedOver: PassedOver[] },
  ): void {
    if (!this.#isAtDepth(path) || !this.#matches(sep === '/' ? path : path.replaceAll(sep, '/'))) return
    if (isIgnored(path)) {
      const reason = `${basename(path)} ends as compressed files do: such files are not read.`
      found.passedOver.push({ path, state: 'ignored', reason })
    } else if (kind === 'directory') {
      found.passedOver.push({ path, state: 'directory', reason: `${path} is a directory, and not entered.` })
    } else if (kind === 'special') {
      found.passedOver.push({ path, state: 'special', reason: `${path} is neither a file nor a directory.` })
    } else {
      found.paths.push(path)
    }
  }

  /** A name on the way to what is looked for is not what is looked for. */
  #isAtDepth(path: string): boolean {
    if (this.#levels === undefined) return true
    const depth =
      dirname(path) === this.root
        ? 0
        : dirname(path).slice(this.root.length).split(sep).filter(Boolean).length
    return depth === this.#levels.length
  }
}

export function isIgnored(path: string): boolean {
  return IGNORED_ENDINGS.test(path)
}

function hasSlashInBraces(pattern: string): boolean {
  return /\{[^{}]*\/[^{}]*\}/.test(pattern)
}

/** True where a name has bytes that are no text: it cannot be asked for by what was made of them. */
export function isNameLost(path: string): boolean {
  return path.includes('\uFFFD')
}

export function nameLost(path: string): PassedOver {
  return { path, state: 'unreadable', reason: `${path} has a name that is not UTF-8: rename it.` }
}

export function unreadable(path: string, error: NodeJS.ErrnoException): PassedOver {
  const isDenied = error.code === 'EACCES' || error.code === 'EPERM'
  const reason = isDenied
    ? `${path} may not be read by the user of this process (${error.code}): give it the right to read the file and to enter its directories.`
    : `${path} cannot be read: ${error.message}.`
  return { path, state: 'unreadable', reason }
}
