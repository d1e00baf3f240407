// The reading order of the architecture page leads somewhere: what it names is there. A newcomer
// reads the source by it, and a name that has moved would end the tour.
import { describe, expect, it } from 'vitest'
import { files, sources, withoutComments } from './tree.ts'

const page = files.find(({ path }) => path === 'docs/architecture.md')!.text
const section = /^## Reading order\n([\s\S]*?)^## /m.exec(page)![1]!.replaceAll(/\s+/g, ' ')

const quoted = [...section.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
const paths = quoted.filter((text) => /^[\w./-]+\/([\w.-]+\.ts)?$/.test(text))
/** "`what` in `file`": a function or method that is declared there, or a piece of its code. */
const places = [...section.matchAll(/`([^`]+)` in `([^`]+\.ts)`/g)].map((match) => ({
  what: match[1]!,
  file: match[2]!,
}))

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

function isThere({ what, file }: { what: string; file: string }): boolean {
  const source = sources.find(({ path }) => path === file)
  if (source === undefined) return false
  const code = withoutComments(source.text)
  if (!/^#?\w+$/.test(what)) return code.includes(what)
  const declaration = String.raw`^\s*(export )?(readonly )?(async )?(function )?(const )?${escaped(what)}(<[^>]*>)?( = |\()`
  // A call looks the same, but that it is not followed by a body.
  return new RegExp(`${declaration}[^;]*?[{>]`, 'm').test(code)
}

describe('the reading order', () => {
  it('names files and folders that exist', () => {
    expect(paths.length).toBeGreaterThan(20)
    expect(paths.filter((path) => !files.some((file) => file.path.startsWith(path)))).toEqual([])
  })

  it('names whatever looks like a path from the root', () => {
    expect(quoted.filter((text) => /\.ts$|\/$/.test(text) && !paths.includes(text))).toEqual([])
  })

  it('follows an append call by call to the line where it is flushed', () => {
    expect(places.filter((place) => !isThere(place))).toEqual([])
    const flush = places.findIndex(({ what }) => what.includes('await'))
    expect(places[flush]?.file).toBe('broker/storage/environment.ts')
    expect(places.slice(0, flush).map(({ file }) => file)).toContain('broker/storage/append/staging.ts')
  })
})
