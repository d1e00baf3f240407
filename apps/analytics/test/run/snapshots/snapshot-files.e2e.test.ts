// The files of snapshots: whole or told to be none, whatever byte is wrong and wherever the process dies that writes them.
import { randomUUID } from 'node:crypto'
import * as files from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Disk,
  removeGone,
  SnapshotFault,
  SnapshotFiles,
  type SnapshotNote,
} from '../../../src/run/snapshots/snapshot-files.ts'

/** How many more calls that change the disk are let through. */
let left = Infinity
function step(): void {
  if (left-- <= 0) throw new Error('It has died.')
}

/** A disk at which the process dies after so many steps. */
const dying: Disk = {
  open: async (...args) => {
    step()
    const handle = await files.open(...args)
    const { sync, writeFile } = handle
    handle.sync = async () => {
      step()
      await sync.call(handle)
    }
    handle.writeFile = async (data) => {
      // A part of it is there.
      if (left <= 0) await writeFile.call(handle, (data as string).slice(0, 40))
      step()
      await writeFile.call(handle, data)
    }
    return handle
  },
  rename: async (...args) => {
    step()
    await files.rename(...args)
  },
  rm: async (...args) => {
    step()
    await files.rm(...args)
  },
}

let directory: string
beforeEach(async () => {
  directory = join(tmpdir(), `snapshots-${randomUUID()}`)
})
afterEach(async () => {
  left = Infinity
  await files.rm(directory, { recursive: true, force: true })
})

const query = { id: 'an-id', unit: 'views@1', version: 3 }
const noteOf = (watermark: number): SnapshotNote => ({
  query,
  shapes: ['shape\nof one'],
  watermark,
  positions: { clicks: { streamId: 1, shardsBelow: 1, shards: { 'shardId-000000000000': 7 } } },
  latest: [[[0, 5]]],
  counts: [2],
})
const snapshots = () => new SnapshotFiles(directory, query, dying)

async function put(watermark: number, rows = `rows of ${watermark}`): Promise<void> {
  const path = await snapshots().rowsPath(randomUUID())
  await files.writeFile(path, rows)
  await snapshots().put(noteOf(watermark), path)
}

/** What is found: the note, and its rows. */
async function found() {
  const note = await snapshots().find()
  if (note === undefined) return undefined
  const { rows, ...rest } = note
  expect(rows.file).toContain('rows-')
  return { ...rest, text: await files.readFile(await snapshots().rowsOf(note), 'utf8') }
}

describe('SnapshotFiles', () => {
  it('finds what was put last, and nothing where nothing was', async () => {
    expect(await found()).toBeUndefined()
    await put(1)
    await put(2)
    expect(await found()).toEqual({ ...noteOf(2), text: 'rows of 2' })
    expect(await files.readdir(directory)).toHaveLength(2)
    await snapshots().remove()
    expect(await found()).toBeUndefined()
    expect(await files.readdir(directory)).toEqual([])
  })

  it('refuses each flipped bit, and each truncation, of both files', async () => {
    await put(1)
    for (const name of await files.readdir(directory)) {
      const path = join(directory, name)
      const bytes = await files.readFile(path)
      for (let at = 0; at < bytes.length; at++) {
        const wrong = Buffer.from(bytes)
        wrong[at]! ^= 1 << (at % 8)
        await files.writeFile(path, wrong)
        await expect(found(), `${name}, byte ${at}`).rejects.toThrow(SnapshotFault)
        await files.writeFile(path, bytes.subarray(0, at))
        await expect(found(), `${name}, ${at} bytes`).rejects.toThrow(SnapshotFault)
      }
      await files.writeFile(path, bytes)
    }
    expect(await found()).toMatchObject({ watermark: 1 })
    const rows = (await files.readdir(directory)).find((name) => name.includes('rows-'))!
    await files.rm(join(directory, rows))
    await expect(found()).rejects.toThrow('Its rows are missing')
  })

  it('has the former snapshot or the next one, whole, wherever the process dies', async () => {
    let isOver = false
    for (let steps = 0; !isOver; steps++) {
      await put(1)
      left = steps
      try {
        await put(2)
        isOver = true
      } catch (error) {
        expect((error as Error).message).toBe('It has died.')
      }
      left = Infinity
      const now = await found()
      expect([1, 2], `after ${steps} steps`).toContain(now!.watermark)
      expect(now!.text).toBe(`rows of ${now!.watermark}`)
      // What was left goes with the next one.
      await put(3)
      expect(await files.readdir(directory)).toHaveLength(2)
    }
  })

  it('leaves those of other queries, units and names alone', async () => {
    await put(1)
    const others = ['an-id~views@10~note', 'an-id~views~note', 'another~views@1~note', 'x']
    for (const name of others) await files.writeFile(join(directory, name), 'x')
    await put(2)
    await snapshots().remove()
    expect((await files.readdir(directory)).toSorted()).toEqual(others.toSorted())
  })
})

describe('removeGone', () => {
  it('removes those of queries that are not there, and asks for them after it has looked', async () => {
    await put(1)
    await files.writeFile(join(directory, 'gone~views~note'), 'x')
    await files.writeFile(join(directory, 'gone~views~rows-1'), 'x')
    await removeGone(directory, async () => {
      await files.writeFile(join(directory, 'new~views~note'), 'x')
      return new Set(['an-id'])
    })
    expect((await files.readdir(directory)).filter((name) => !name.startsWith('an-id'))).toEqual([
      'new~views~note',
    ])
    expect(await found()).toMatchObject({ watermark: 1 })
  })

  it('asks nothing where there are none', async () => {
    await removeGone(directory, () => Promise.reject(new Error('asked')))
  })
})
