// Compressed objects in files, read back by the programs that people have: gzip, unzip, zstd. One that is not there is not asked.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { afterAll, describe, expect, it } from 'vitest'
import { makeEncoder } from '../../src/formats/index.ts'
import { MEMORY_BYTES_MAX } from '../../src/formats/kept-content.ts'
import { contentBytes, spoolOf } from '../support/memory-spool.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-compressed-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const signal = new AbortController().signal
const there = (program: string, argument: string) => spawnSync(program, [argument]).error === undefined

const programs = [
  { compression: 'gzip', program: 'gzip', ask: '--version', args: ['-dc'] },
  { compression: 'zip', program: 'unzip', ask: '-v', args: ['-p'] },
  { compression: 'zstd', program: 'zstd', ask: '--version', args: ['-dcq'] },
] as const

/** Records that do not compress well, so that what is compressed is larger than what stays in memory. */
function records(count: number): Buffer[] {
  let state = 1
  return Array.from({ length: count }, () => {
    const record = Buffer.alloc(1000)
    for (let at = 0; at < record.length; at++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      record[at] = 33 + ((state >>> 16) % 90)
    }
    return record
  })
}

describe.each(programs)('$compression', ({ compression, program, ask, args }) => {
  const missing = !there(program, ask)

  it.skipIf(missing)(
    `is read by ${program}, from memory and from a scratch file (skipped where ${program} is not there)`,
    async () => {
      const encoder = makeEncoder({ format: { type: 'raw' }, compression, delimiter: '\n' }, Date.now)
      for (const count of [0, 3, 4000]) {
        const all = records(count)
        const { content } = await encoder.finish(spoolOf(encoder, all, 2 ** 16), signal)
        const path = join(directory, `${count}${encoder.extension}`)
        writeFileSync(path, await contentBytes(content))
        expect(content?.file === undefined).toBe(content!.bytes! < MEMORY_BYTES_MAX)
        if (content?.file !== undefined) expect(statSync(content.file).size).toBe(content.bytes)
        const text = execFileSync(program, [...args, path], { maxBuffer: 2 ** 26 })
        expect(text.equals(Buffer.concat(all.flatMap((record) => [record, Buffer.from('\n')])))).toBe(true)
        if (content?.file !== undefined) rmSync(content.file)
      }
    },
  )
})

describe('zip', () => {
  it('holds one entry with its size and checksum, at a time that tells nothing', async () => {
    const encoder = makeEncoder({ format: { type: 'raw' }, compression: 'zip', delimiter: '' }, Date.now)
    const { content } = await encoder.finish(spoolOf(encoder, [Buffer.from('hello')]), signal)
    const bytes = await contentBytes(content)
    const entries = unzipSync(bytes)
    expect(Object.keys(entries)).toEqual(['records'])
    expect(Buffer.from(entries['records']!).toString()).toBe('hello')
    expect(bytes.readUInt32LE(10)).toBe(((1 << 5) | 1) << 16)
  })
})

describe('a conversion that is called off', () => {
  it('ends with the reason, and closes its file', async () => {
    const encoder = makeEncoder({ format: { type: 'raw' }, compression: 'gzip', delimiter: '' }, Date.now)
    const off = new AbortController()
    off.abort(new Error('the lease is lost'))
    await expect(encoder.finish(spoolOf(encoder, records(4000)), off.signal)).rejects.toThrow(
      'the lease is lost',
    )
  })
})
