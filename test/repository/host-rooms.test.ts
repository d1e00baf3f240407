// Enforces the order of the rooms of a shard host, so that rooms do not all import each other, and the way of a batch can be
// read in one direction, from the port down to the disk.
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf, sources } from './tree.ts'

const HOST = 'broker/host/'

/**
 * From the ground up: a row may import from rows above it in this list, and its own room from itself. Rooms of one row do not
 * know each other: what one needs of another it declares as an interface, and `engine.ts` brings the two together.
 */
const rows: readonly (readonly string[])[] = [
  ['host-limits.ts'],
  ['limits/', 'tail/'],
  ['load/'],
  ['shards/'],
  ['append/', 'read/', 'retention/'],
  ['owners/', 'push/'],
  ['host-storage.ts'],
  ['engine.ts', 'storage-threads.ts'],
  ['host.ts'],
  ['compose-host.ts'],
  ['main.ts'],
]

/** Objects of the host as a whole. Rooms take interfaces of what they use of them. */
const wholes: readonly { readonly file: string; readonly knownTo: readonly string[] }[] = [
  { file: 'shards/hosted-shards.ts', knownTo: ['shards/', 'engine.ts'] },
  { file: 'owners/owners.ts', knownTo: ['owners/', 'engine.ts', 'host-storage.ts'] },
  { file: 'retention/horizons.ts', knownTo: ['retention/', 'engine.ts'] },
  { file: 'push/subscriptions.ts', knownTo: ['push/', 'engine.ts'] },
]

const inHost = sources.filter(({ path }) => path.startsWith(HOST))
const withinHost = (path: string): string => path.slice(HOST.length)

function roomOf(path: string): string {
  const inside = withinHost(path)
  return inside.includes('/') ? `${inside.split('/')[0]}/` : inside
}

const rowOf = (room: string): number => rows.findIndex((row) => row.includes(room))

const imports = inHost.flatMap((file) =>
  importsOf(file)
    .filter(({ target }) => target.startsWith(HOST))
    .map(({ target }) => ({ from: file.path, target: posix.normalize(target) })),
)

describe('rooms of a host', () => {
  it('the table names every room, and no other', () => {
    const rooms = [...new Set(inHost.map(({ path }) => roomOf(path)))].sort()
    expect(rows.flat().toSorted()).toEqual(rooms)
  })

  it('no room imports upwards or sideways', () => {
    const offences = imports
      .filter(({ from, target }) => roomOf(from) !== roomOf(target))
      .filter(({ from, target }) => rowOf(roomOf(target)) >= rowOf(roomOf(from)))
      .map(({ from, target }) => `${from} imports ${target}`)
    expect(offences).toEqual([])
  })

  it('rooms get the shared parts of the host as interfaces', () => {
    const offences = wholes.flatMap(({ file, knownTo }) =>
      imports
        .filter(({ target }) => withinHost(target) === file)
        .filter(({ from }) => !knownTo.includes(roomOf(from)))
        .map(({ from }) => `${from} imports ${file}`),
    )
    expect(offences).toEqual([])
    const known = new Set(inHost.map(({ path }) => withinHost(path)))
    expect(wholes.map(({ file }) => file).filter((file) => !known.has(file))).toEqual([])
  })
})
