// Enforces rules for every file: an opening comment that says what it is, a readable size, names from the field, and
// documents whose links and commands exist.
import { existsSync } from 'node:fs'
import { posix, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apps, files, isTest, linesMatching, root, sources, type SourceFile } from './tree.ts'

const LINES_MAX = 400

const documents = files.filter((file) => file.path.endsWith('.md'))

const bannedFileWords = /(^|[-/])(manager|helper|util|common|base|impl|service)s?([-./]|$)/

describe('sources', () => {
  it('each file opens with a comment that says what it owns', () => {
    const offences = sources.filter((file) => !/^(#![^\n]*\n)?(\/\/|\/\*)/.test(file.text))
    expect(offences.map((file) => file.path)).toEqual([])
  })

  it(`none is longer than ${LINES_MAX} lines`, () => {
    const offences = sources
      .map((file) => ({ path: file.path, lines: file.text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX)
    expect(offences).toEqual([])
  })

  it('no file and no class has a catch-all name such as Manager or Util', () => {
    const declaration = /\b(class|interface|type)\s+\w*(Manager|Helper|Util|Common|Base|Impl|Service)s?\b/
    expect(sources.filter((file) => bannedFileWords.test(file.path)).map((file) => file.path)).toEqual([])
    expect(sources.flatMap((file) => linesMatching(file, declaration))).toEqual([])
  })

  it('files are named in kebab-case', () => {
    const offences = sources.filter((file) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(posix.basename(file.path)))
    expect(offences.map((file) => file.path)).toEqual([])
  })

  it('no default exports, enums or namespaces', () => {
    const offences = sources
      .filter((file) => !file.path.endsWith('.config.ts'))
      .flatMap((file) => linesMatching(file, /^\s*(export default\b|(export )?(const )?(enum|namespace) \w)/))
    expect(offences).toEqual([])
  })

  it('each file that a source names from where it runs exists, and tests reach built programs by #dist', () => {
    const missing = sources.flatMap((file) =>
      namedFiles(file).flatMap((path) =>
        existsSync(join(root, path)) ? [] : [`${file.path} names ${path}`],
      ),
    )
    const tests = sources.filter(isTest)
    expect([...missing, ...tests.flatMap((file) => linesMatching(file, /\.\.\/dist\//))]).toEqual([])
  })

  it('no two exported types of the broker, of the client, or of an app have one name', () => {
    const ofApps = apps.map((app) => new RegExp(`^${app}/src/`))
    const offences = [/^(broker|protocol)\//, /^client\//, ...ofApps].flatMap((side) => {
      const types = sources
        .filter(({ path }) => side.test(path))
        .flatMap(({ path, text }) =>
          [...text.matchAll(/^export (?:abstract )?(?:class|interface|type) (\w+)/gm)].map(([, name]) => ({
            name,
            path,
          })),
        )
      return types.filter(({ name }, at) => types.findIndex((type) => type.name === name) !== at)
    })
    expect(offences).toEqual([])
  })

  it('no test is switched off, and none keeps the others from running', () => {
    const tests = sources.filter((file) => file.path.endsWith('.test.ts'))
    const switches = /\b(it|test|describe)\.(only|skip|todo)\(/
    expect(tests.flatMap((file) => linesMatching(file, switches))).toEqual([])
  })

  it('no test leaves other modules or another clock to the files that share its process', () => {
    const tests = sources.filter(isTest)
    // Another clock is left where the file never takes the real one back.
    const isLeft = ({ text }: SourceFile) => /useFakeTimers\(/.test(text) && !/useRealTimers\(/.test(text)
    expect(tests.flatMap((file) => linesMatching(file, /\bvi\.(do)?(mock|hoisted|unmock)\(/i))).toEqual([])
    expect(tests.filter(isLeft).map(({ path }) => path)).toEqual([])
  })

  it('no file has notes of unfinished work or switched-off checks', () => {
    const marks = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', '@ts-' + 'ignore', '@ts-' + 'nocheck']
    const offences = sources.flatMap((file) =>
      file.text
        .split('\n')
        .flatMap((line, index) =>
          marks.some((mark) => line.includes(mark)) ? [`${file.path}:${index + 1}: ${line.trim()}`] : [],
        ),
    )
    expect(offences).toEqual([])
  })
})

describe('every file', () => {
  it('names no path of one machine and no package registry', () => {
    const marks = [
      '/' + 'work/',
      '/' + 'tmp/bash_jobs',
      '/' + 'root/',
      'registry' + '.npmjs',
      'regi' + 'stry.yarn',
    ]
    const offences = files.flatMap((file) =>
      marks.filter((mark) => file.text.includes(mark)).map((mark) => `${file.path} mentions ${mark}`),
    )
    expect(offences).toEqual([])
  })

  it('ends with one line feed and has no tabs or trailing blanks', () => {
    const prose = files.filter((file) => /\.(ts|js|md|json)$|^\.ci\/|Dockerfile$/.test(file.path))
    const offences = prose.filter((file) => !/[^\n]\n$/.test(file.text) || /[ \t]+$|\t/m.test(file.text))
    expect(offences.map((file) => file.path)).toEqual([])
  })
})

describe('documents', () => {
  it('have one title each, on the first line', () => {
    const offences = documents.filter((file) => {
      const titles = outsideFences(file.text).filter((line) => line.startsWith('# '))
      return titles.length !== 1 || !file.text.startsWith('# ')
    })
    expect(offences.map((file) => file.path)).toEqual([])
  })

  it('link only to files and headings that exist', () => {
    expect(documents.flatMap(brokenLinks)).toEqual([])
  })

  it('mention only scripts and commands that exist', () => {
    expect(documents.flatMap(unknownCommands)).toEqual([])
  })
})

/** Returns what a source names by a URL relative to itself, as paths of sources. Tests run in place, all others from dist. */
function namedFiles({ path, text }: SourceFile): string[] {
  const compiled = /^apps\/[^/]+\/src\//.test(path)
    ? path.replace('/src/', '/dist/')
    : posix.join('dist', path)
  const folder = posix.dirname(isTest({ path }) ? path : compiled)
  return [...text.matchAll(/new URL\(\s*(['`])([^'`]*)\1,\s*import\.meta\.url/g)].map((match) => {
    const named = posix.join(folder, match[2]!.replace(/\$\{.*/, ''))
    if (named.startsWith('dist/')) return named.slice('dist/'.length).replace(/\.js$/, '.ts')
    return named.replace(/^(apps\/[^/]+)\/dist\/(.*)\.js$/, '$1/src/$2.ts')
  })
}

function outsideFences(text: string): string[] {
  let fenced = false
  return text.split('\n').filter((line) => {
    if (line.trimStart().startsWith('```')) fenced = !fenced
    return !fenced
  })
}

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .replace(/^#+\s+/, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

function brokenLinks(file: SourceFile): string[] {
  const links = outsideFences(file.text).flatMap((line) =>
    [...line.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!),
  )
  return links
    .filter((link) => !/^(https?:|mailto:)/.test(link))
    .filter((link) => {
      const [path, anchor] = link.split('#') as [string, string?]
      const target = path === '' ? file.path : posix.join(posix.dirname(file.path), path)
      if (!existsSync(join(root, target))) return true
      if (anchor === undefined) return false
      const headings = files.find((candidate) => candidate.path === target)?.text.match(/^#+ .*$/gm) ?? []
      return !headings.some((heading) => anchorOf(heading) === anchor)
    })
    .map((link) => `${file.path} links to ${link}`)
}

const packageJson = JSON.parse(files.find((file) => file.path === 'package.json')!.text) as {
  scripts: Record<string, string>
}
const verbs = files.flatMap((file) => /^cli\/verbs\/(?:[a-z-]+\/)?([a-z-]+)\.ts$/.exec(file.path)?.[1] ?? [])

/** Shell lines of a document that call a script or a verb which is not there. */
function unknownCommands(file: SourceFile): string[] {
  const blocks = [...file.text.matchAll(/```(?:sh|shell|bash)\n([\s\S]*?)```/g)].map((match) => match[1]!)
  const lines = blocks.flatMap((block) => block.split('\n'))
  return lines.flatMap((line) => {
    const script = /\bnpm run (?:--silent )?([\w:-]+)/.exec(line)?.[1]
    const verb = /(?:^|[|&;]\s*|npx )millrace ([a-z-]+)/.exec(line)?.[1]
    const unknown =
      (script !== undefined && packageJson.scripts[script] === undefined) ||
      (verb !== undefined && verb !== 'help' && !verbs.includes(verb))
    return unknown ? [`${file.path}: ${line.trim()}`] : []
  })
}
