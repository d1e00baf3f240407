// The README shows programs: they are files of the repository, which are compiled, linted and run. Here only that the two
// are the same text.
import { expect, it } from 'vitest'
import { files } from './tree.ts'

const textOf = (path: string) => files.find((file) => file.path === path)!.text

it.each(['examples/tour.ts', 'examples/clicks.e2e.test.ts'])('README shows %s as it is', (path) => {
  expect(textOf('README.md')).toContain(`\`\`\`ts\n${textOf(path)}\`\`\``)
})
