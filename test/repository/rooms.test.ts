// How the tree is divided: folders that can be seen at a glance, and tests where one looks for them.
import { posix } from 'node:path'
import { expect, it } from 'vitest'
import { files, isTest } from './tree.ts'

const FILES_MAX = 15
/** Decisions are a list that only grows; the top folder has what tools look for there. */
const LISTS = ['docs/adr', '.']
/** Tests of the whole, and what tests share. */
const OWN_ROOMS = ['clients', 'crash', 'end-to-end', 'nightly', 'repository', 'support']
/** Beside tests: what only they use, and programs that they start. */
const BESIDE_TESTS = ['support', 'processes']

const { dirname, basename } = posix
const paths = files.map(({ path }) => path)
const sourceFolders = new Set(
  paths.filter((path) => !isTest({ path })).flatMap((path) => ancestorsOf(dirname(path))),
)

function ancestorsOf(folder: string): string[] {
  return folder === '.' ? [] : [folder, ...ancestorsOf(dirname(folder))]
}

it(`folders hold at most ${FILES_MAX} files`, () => {
  const counts = new Map<string, number>()
  for (const path of paths) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  const full = [...counts].filter(([folder, count]) => count > FILES_MAX && !LISTS.includes(folder))
  expect(full).toEqual([])
})

/** Where a test stands: in the tests of the repository or of an app, and in which folder there. */
function placeOf(path: string): { readonly sources: string; readonly folder: string } | undefined {
  const [, app, rest] = /^(apps\/[^/]+\/)?test\/(.*)$/.exec(path) ?? []
  return rest === undefined
    ? undefined
    : { sources: app === undefined ? '' : `${app}src/`, folder: dirname(rest) }
}

it('tests stand in the folder that mirrors what they test', () => {
  const strays = paths.filter((path) => {
    const place = placeOf(path)
    if (place === undefined || place.folder === '.') return false
    const { sources, folder } = place
    if (OWN_ROOMS.includes(folder.split('/')[0]!)) return false
    const mirrored = BESIDE_TESTS.includes(basename(folder)) ? dirname(folder) : folder
    return !sourceFolders.has(`${sources}${mirrored}`)
  })
  expect(strays).toEqual([])
})

it('a test that has the name of a source file stands where that file does', () => {
  const sources = paths.filter((path) => /^(protocol|client|broker|cli|bench|scripts)\/.*\.ts$/.test(path))
  const strays = paths.flatMap((path) => {
    const [top, room, inner] = path.split('/')
    if (top !== 'test' || OWN_ROOMS.includes(room!) || !path.endsWith('.test.ts')) return []
    const subject = basename(path).replace(/(\.[a-z0-9]+)?\.test\.ts$/, '')
    const area = room === 'broker' && sourceFolders.has(`broker/${inner}`) ? `broker/${inner}/` : `${room}/`
    const named = sources.filter((source) => source.startsWith(area) && basename(source) === `${subject}.ts`)
    if (named.length !== 1 || dirname(path) === `test/${dirname(named[0]!)}`) return []
    return [`${path}: ${named[0]}`]
  })
  expect(strays).toEqual([])
})
