// The README shows programs: they are files of the repository, which are compiled, linted and run. Here only that the two
// are the same text.
import { expect, it } from 'vitest'
import { files } from './tree.ts'

const textOf = (path: string) => files.find((file) => file.path === path)!.text

it.each(['tour.ts', 'process.ts', 'resume.ts', 'clicks.e2e.test.ts'])(
  'README shows examples/%s as it is',
  (name) => {
    expect(textOf('README.md')).toContain(`\`\`\`ts\n${textOf(`examples/${name}`)}\`\`\``)
  },
)
