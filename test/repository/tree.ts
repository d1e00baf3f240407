// The repository as the tests of this folder see it: its files, and what each of them imports. Reads, never writes.
// Imports are found in the text: the formatter keeps them regular enough that no parser is needed.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const notOurs = new Set(['node_modules', 'dist', 'data', 'coverage', 'bench-results', '.git'])

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

function* walk(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (notOurs.has(entry.name) || entry.name.endsWith('.tgz')) continue
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    else if (entry.isFile()) yield path
  }
}

/** Every text file of ours, in the order of their paths. */
export const files: readonly SourceFile[] = [...walk(root)]
  .map((path) => ({ path: relative(root, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }))
  .sort((a, b) => (a.path < b.path ? -1 : 1))

/** The TypeScript sources, tests included. */
export const sources = files.filter((file) => file.path.endsWith('.ts'))

/** The folders of the apps: `apps/kinesis`. */
export const apps: readonly string[] = files.flatMap(
  ({ path }) => /^(apps\/[^/]+)\/package\.json$/.exec(path)?.[1] ?? [],
)

/** True for what tests the repository, or an app, and is not shipped. */
export function isTest({ path }: Pick<SourceFile, 'path'>): boolean {
  return /^(apps\/[^/]+\/)?test\//.test(path)
}

/** The packages that an app needs when it runs. */
export function dependenciesOf(app: string): readonly string[] {
  const { text } = files.find(({ path }) => path === `${app}/package.json`)!
  const { dependencies, optionalDependencies } = JSON.parse(text) as Record<string, object | undefined>
  return Object.keys({ ...dependencies, ...optionalDependencies })
}

export interface Import {
  /** A path in the repository for a relative import; a package or `node:` name otherwise. */
  readonly target: string
  readonly typeOnly: boolean
}

const staticImport = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm
const dynamicImport = /\bimport\(\s*'([^']+)'\s*\)/g

/** What a file imports or re-exports. */
export function importsOf(file: SourceFile): Import[] {
  const resolved = (specifier: string) =>
    specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : specifier
  const code = withoutComments(file.text)
  const found: Import[] = []
  for (const match of code.matchAll(staticImport)) {
    found.push({ target: resolved(match[2]!), typeOnly: match[1] !== undefined })
  }
  for (const match of code.matchAll(dynamicImport)) {
    found.push({ target: resolved(match[1]!), typeOnly: false })
  }
  return found
}

/** The text with comments blanked, so that prose about a rule does not count as breaking it. */
export function withoutComments(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/(^|\s)\/\/[^\n]*/g, '$1')
}

/** `path:line` for each line of the code on which the pattern is found. */
export function linesMatching(file: SourceFile, pattern: RegExp): string[] {
  return withoutComments(file.text)
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${line.trim()}`] : []))
}
