// What an editor shows: every name that the client gives out, and every method and field of it, says what it is.
import { expect, it } from 'vitest'
import { sources, type SourceFile } from './tree.ts'

const client = sources.filter(({ path }) => path.startsWith('client/'))
const door = client.find(({ path }) => path === 'client/index.ts')!

/** Names that the door exports. */
const names = new Set(
  [...door.text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) =>
    list!.split(',').map((name) => name.trim().replace(/^type /, '')),
  ),
)

// What an exported class inherits is shown as its own.
for (const { text } of client) {
  for (const [, name, parent] of text.matchAll(/^export class (\w+)\S* extends (\w+)/gm)) {
    if (names.has(name!)) names.add(parent!)
  }
}

const DECLARATION = /^export (?:abstract |async )?(?:interface|class|type|function|const) (\w+)/
/** A member in the body of a declaration: neither private nor a constructor, and not a continued line. */
const MEMBER =
  /^ {2}(?!constructor\b|private |return\b|[#}\])/*|&'`])(?:(?:readonly|async|get|static|override) )*['[\w.\]~]+\??[(<:]/

interface Undocumented {
  readonly where: string
  readonly line: string
}

function undocumented({ path, text }: SourceFile): Undocumented[] {
  const lines = text.split('\n')
  const found: Undocumented[] = []
  let isInside = false
  for (const [index, line] of lines.entries()) {
    const name = DECLARATION.exec(line)?.[1]
    if (name !== undefined)
      isInside = names.has(name) && line.endsWith('{') && !/^export (async )?(function|const)/.test(line)
    else if (line.startsWith('}')) isInside = false
    const isShown = name !== undefined ? names.has(name) : isInside && MEMBER.test(line)
    const above = lines[index - 1] ?? ''
    // The body of an overload is not shown.
    const isBody =
      /^ {2}async \w+</.test(line) && lines.some((other) => other.startsWith(line.replace('async ', '')))
    if (isShown && !isBody && !above.endsWith('*/'))
      found.push({ where: `${path}:${index + 1}`, line: line.trim() })
  }
  return found
}

it('the client: every name, method and field that an editor shows has a text', () => {
  expect(names.size).toBeGreaterThan(30)
  expect(client.flatMap(undocumented)).toEqual([])
})
