// Refusals are typed: only a few files make errors, and all other code gets a Fail of the codes that it may use.
import { describe, expect, it } from 'vitest'
import { operations } from '../../protocol/operations.ts'
import { importsOf, linesMatching, sources, type SourceFile } from './tree.ts'

/** Where the broker makes errors: for a session's handlers, for work that no client asked for, and at the ends of channels. */
const doors = ['broker/server/dispatch.ts', 'broker/control/unasked.ts', 'broker/channels/failure.ts']

const broker = sources.filter(({ path }) => path.startsWith('broker/'))
const importers = (target: string): string[] =>
  broker.filter((file) => importsOf(file).some((found) => found.target === target)).map(({ path }) => path)

describe('refusals', () => {
  it('the broker makes errors only at its doors', () => {
    const made = broker.flatMap((file) => linesMatching(file, /\bnew MillraceError\(/).map(() => file.path))
    expect([...new Set(made)].toSorted()).toEqual(doors.toSorted())
  })

  it('a failure of any code is for work that no client asked for', () => {
    expect(importers('broker/control/unasked.ts')).toEqual(['broker/control/resharding/resharding.ts'])
  })

  it('failures of storage are made in storage, and behind the seams that lead to it', () => {
    const elsewhere = importers('broker/channels/failure.ts').filter(
      (path) =>
        !['broker/storage/', 'broker/threads/', 'broker/channels/'].some((folder) => path.startsWith(folder)),
    )
    expect(elsewhere).toEqual([])
  })

  it('no cast widens the failures that an operation declares', () => {
    const casts = /\bas (unknown as )?(Fail|Context|ErrorOf|ErrorCode)\b/
    expect(broker.flatMap((file) => linesMatching(file, casts))).toEqual([])
  })
})

describe('the server', () => {
  it('names no operation outside the handlers of its own', () => {
    const names = Object.keys(operations).join('|')
    const named = new RegExp(`['"\`](${names})['"\`]`)
    const isHandler = ({ path }: SourceFile) => path === 'broker/server/session-operations.ts'
    const server = broker.filter((file) => file.path.startsWith('broker/server/') && !isHandler(file))
    expect(server.length).toBeGreaterThan(0)
    expect(server.flatMap((file) => linesMatching(file, named))).toEqual([])
  })
})
