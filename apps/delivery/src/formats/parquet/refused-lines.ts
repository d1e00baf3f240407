// Finds the lines that a format does not take, when it has not taken a whole spool: by a parser, then by one statement over all of them,
// and what is left by trying ever fewer. Slow only where records are bad.
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { objectsIn } from '../../deaggregation/json-objects.ts'
import { REFUSED, refusalOf } from './json-lines.ts'

/** A line that is not taken: the record as it was, and why. */
export interface RefusedLine {
  readonly data: Uint8Array
  readonly message: string
}

/** One with its number among all lines, from 0. */
export interface NumberedLine extends RefusedLine {
  readonly number: number
}

/** What is refused in several siftings, each of what the one before has left. */
export class RefusedLines {
  #all: readonly NumberedLine[] = []

  /** In the order of their lines. */
  get all(): readonly NumberedLine[] {
    return this.#all
  }

  /** Takes what the next sifting refuses, by numbers among the lines that were left, in rising order. */
  add(refused: readonly NumberedLine[]): void {
    const before = this.#all
    const all: NumberedLine[] = []
    let at = 0
    for (const line of refused) {
      while (at < before.length && before[at]!.number - at <= line.number) all.push(before[at++]!)
      all.push({ ...line, number: line.number + at })
    }
    this.#all = [...all, ...before.slice(at)]
  }
}

/** Says of a line, by its number from 0, why it is refused; undefined where it stays. */
export type Judgement = (line: Buffer, number: number) => RefusedLine | undefined

/** Returns the line's fault where DuckDB certainly refuses it. `isColumn` says whether a field of an object is read. */
export function parsed(line: Buffer, isColumn: (key: string) => boolean): RefusedLine | undefined {
  if (line[0] === REFUSED) {
    const data = Buffer.from(line.subarray(1).toString(), 'base64')
    return { data, message: refusalOf(data) }
  }
  if (!isUtf8(line)) return { data: line, message: 'it is not UTF-8' }
  const text = line.toString()
  try {
    const key = keyTwice(line, JSON.parse(text) as object, isColumn)
    return key === undefined ? undefined : { data: line, message: `it has ${JSON.stringify(key)} twice` }
  } catch (error) {
    return lax.test(text) ? undefined : { data: line, message: (error as Error).message }
  }
}

/** What DuckDB takes, though it is no JSON: commas before a closing bracket, and numbers that are none. */
const lax = /,\s*[}\]]|nan|inf/i

function keyTwice(line: Buffer, value: object, isColumn: (key: string) => boolean): string | undefined {
  let keys = 0
  let twice: string | undefined
  const seen = new Set<string>()
  objectsIn(line, undefined, (from, to) => {
    const key = line.subarray(from, to).toString()
    keys++
    if (twice === undefined && seen.has(key) && isColumn(key)) twice = key
    seen.add(key)
  })
  return keys === Object.keys(value).length ? undefined : twice
}

/** Copies the lines that stay into another file, in their order. Returns how many stay, and those that do not. */
export async function sifted(
  from: string,
  to: string,
  judge: Judgement,
  signal: AbortSignal,
): Promise<{ readonly kept: number; readonly refused: readonly NumberedLine[] }> {
  const refused: NumberedLine[] = []
  let kept = 0
  const file = await open(to, 'w')
  try {
    for await (const lines of linesOf(from)) {
      signal.throwIfAborted()
      const staying: Buffer[] = []
      for (const [number, line] of lines.entries) {
        const fault = judge(line, number)
        if (fault === undefined) staying.push(line, lineEnd)
        else refused.push({ ...fault, number })
      }
      kept += staying.length / 2
      await file.writeFile(Buffer.concat(staying))
    }
  } finally {
    await file.close()
  }
  return { kept, refused }
}

/** Lines that are tried together. */
const TRIED_TOGETHER = 1000

/** Says why some lines are not taken together; undefined where they are. */
export type Trial = (lines: readonly Buffer[]) => Promise<string | undefined>

/** Returns what is refused in a file by its number, from 0, found by trying. */
export async function foundByTrial(
  path: string,
  trial: Trial,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  let group: [number, Buffer][] = []
  const tried = async () => {
    for (const [number, message] of await refusedAmong(group, trial, signal)) found.set(number, message)
    group = []
  }
  for await (const lines of linesOf(path)) {
    for (const entry of lines.entries) {
      group.push(entry)
      if (group.length === TRIED_TOGETHER) await tried()
    }
  }
  await tried()
  return found
}

/** Returns a trial by statements over a file of its own. */
export function trialIn(
  scratch: string,
  refusalOfFile: (path: string) => Promise<string | undefined>,
): Trial {
  return async (lines) => {
    await writeFile(scratch, Buffer.concat(lines.flatMap((line) => [line, lineEnd])))
    return refusalOfFile(scratch)
  }
}

async function refusedAmong(
  lines: readonly [number, Buffer][],
  trial: Trial,
  signal: AbortSignal,
): Promise<readonly (readonly [number, string])[]> {
  signal.throwIfAborted()
  if (lines.length === 0) return []
  const message = await trial(lines.map(([, line]) => line))
  if (message === undefined) return []
  if (lines.length === 1) return [[lines[0]![0], message]]
  const half = lines.length >> 1
  return [
    ...(await refusedAmong(lines.slice(0, half), trial, signal)),
    ...(await refusedAmong(lines.slice(half), trial, signal)),
  ]
}

const lineEnd = Buffer.from('\n')
const READ_BYTES = 2 ** 20

interface Lines {
  /** Numbers from 0, and lines without their ends. */
  readonly entries: readonly [number, Buffer][]
}

/** Reads a file, and gives its whole lines as they come. */
async function* linesOf(path: string): AsyncGenerator<Lines> {
  let rest: Buffer[] = []
  let number = 0
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    const bytes = chunk as Buffer
    const entries: [number, Buffer][] = []
    let from = 0
    for (let end = bytes.indexOf('\n'); end !== -1; end = bytes.indexOf('\n', from)) {
      const line = bytes.subarray(from, end)
      entries.push([number++, rest.length === 0 ? line : Buffer.concat([...rest, line])])
      rest = []
      from = end + 1
    }
    if (from < bytes.length) rest.push(bytes.subarray(from))
    yield { entries }
  }
}
