// Heaps: records in memory and in a file are read as one, as often as one likes, and are gone when they are released.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Heap } from '../../src/spool/heap.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heap-test-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

let files = 0
const heapHere = () => new Heap({ directory, fileName: () => `heap-${files++}` })

function put(heap: Heap, ...pieces: readonly string[]): void {
  for (const piece of pieces) heap.push(Buffer.from(piece))
  heap.endRecord()
}

async function textOf(heap: Heap): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of heap.chunks()) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

it('a heap: gives what is in memory and what was moved to its file in the order of the records, again and again', async () => {
  const heap = heapHere()
  let wanted = ''
  for (let part = 0; part < 3; part++) {
    for (let i = 0; i < 1500; i++) {
      const text = `record ${part}/${i}`
      put(heap, text, '\n')
      wanted += `${text}\n`
    }
    if (part < 2) await heap.spill()
  }
  expect(heap.records).toBe(4500)
  expect(heap.bytes).toBe(wanted.length)
  expect(heap.memoryBytes).toBeLessThan(wanted.length)
  expect(heap.file).toBeUndefined()
  expect(await textOf(heap)).toBe(wanted)
  expect(await textOf(heap)).toBe(wanted)
  const path = await heap.toFile()
  expect(heap.file).toBe(path)
  expect(heap.memoryBytes).toBe(0)
  expect(await readFile(path, 'utf8')).toBe(wanted)
  await heap.release()
})

it('a heap: gives many small records in few chunks, since each costs its reader as much as many bytes do', async () => {
  const heap = heapHere()
  for (let i = 0; i < 2000; i++) put(heap, 'record', '\n')
  let chunks = 0
  for await (const _ of heap.chunks()) chunks++
  expect(chunks).toBe(1)
  await heap.release()
})

it('a heap that is released: leaves no file, and gives no part of its records as if it were all', async () => {
  const heap = heapHere()
  put(heap, 'a')
  await heap.spill()
  put(heap, 'b')
  const chunks = heap.chunks()
  expect(Buffer.from((await chunks.next()).value ?? '').toString()).toBe('a')
  await heap.release()
  await expect(chunks.next()).rejects.toThrow('not wanted any more')
  expect(await readdir(directory)).toEqual([])
})

it('a heap whose file cannot be written: says so, keeps all of its records, and writes them when it can', async () => {
  const nowhere = join(directory, 'nowhere')
  const heap = new Heap({ directory: nowhere, fileName: () => 'x' })
  put(heap, 'a')
  await expect(heap.spill()).rejects.toThrow('ENOENT')
  put(heap, 'b')
  expect(heap.memoryBytes).toBe(2)
  expect(heap.file).toBeUndefined()
  expect(await textOf(heap)).toBe('ab')
  await mkdir(nowhere)
  await heap.spill()
  expect(heap.memoryBytes).toBe(0)
  expect(await readFile(heap.file!, 'utf8')).toBe('ab')
  await heap.release()
  await rm(nowhere, { recursive: true })
})

it('a heap whose file is removed by somebody: still gives its records', async () => {
  const heap = heapHere()
  put(heap, 'a')
  await heap.spill()
  put(heap, 'b')
  await rm(heap.file ?? join(directory, `heap-${files - 1}`))
  expect(await textOf(heap)).toBe('ab')
  await heap.release()
})

it('a heap: keeps nothing of the memory that its records were views of, and gives the same', async () => {
  const heap = heapHere()
  const batch = Buffer.alloc(1024 * 1024)
  let wanted = ''
  for (let i = 0; i < 400; i++) {
    const text = `record ${i} ${'x'.repeat(i * 5)}\n`
    const view = batch.subarray(0, text.length)
    view.write(text)
    heap.push(view)
    heap.endRecord()
    wanted += text
    if (i === 150) await heap.spill()
    if (i === 300) expect(await textOf(heap)).toBe(wanted)
  }
  batch.fill(0)
  expect(await textOf(heap)).toBe(wanted)
  expect(await readFile(await heap.toFile(), 'utf8')).toBe(wanted)
  for await (const piece of heap.chunks()) expect(piece.buffer).not.toBe(batch.buffer)
  await heap.release()
})

it('a heap without records: has an empty file where one is asked for', async () => {
  const heap = heapHere()
  expect(await readFile(await heap.toFile(), 'utf8')).toBe('')
  await heap.release()
})
