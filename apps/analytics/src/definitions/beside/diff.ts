// What two versions of a query have written for the same time, compared. Runs wherever there is a client, in a database of its own: rows that
// do not fit into its memory go to the disk.
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Client } from 'millrace'
import type { BesideQuery, QueryDefinition } from 'millrace/protocol'
import { Engine, type EngineSession } from '../../engine/index.ts'
import { SqlParser } from '../../plan/text/parser.ts'
import { progressDocuments } from '../../run/place/packed.ts'
import type { QueryPlace } from '../../run/place/query-place.ts'
import { outputOf } from '../../streams/outputs.ts'
import { getQuery, type QueryDoor } from '../queries.ts'
import { QueryError } from '../query-error.ts'
import { checkSql } from '../sql-check.ts'
import { comparison, type ComparedSide, type Difference } from './comparison.ts'
import { readResults } from './result-rows.ts'
import { resultKeys, type ResultKeys } from './result-keys.ts'
import { nextOf } from './trial.ts'

const MEMORY_BYTES = 512 * 1024 ** 2

/** How long both may take to stand at the same place, where results have no time by which they can be told apart. */
const SETTLE_MS = 3000
const LOOK_MS = 100

export interface DiffOptions {
  /** Differences of each kind that are returned, for each target; 10 by default. */
  readonly rows?: number
}

/** A stream that a query writes to, and the one of the version beside it. */
export interface TargetDiff extends Difference {
  readonly target: string
  readonly beside: string
  /** Results after this moment of event time are compared, up to `until`, in milliseconds; undefined: from the first one. */
  readonly after: number | undefined
  /** Undefined where results have no time: then all are compared. */
  readonly until: number | undefined
  /** Whether what only one of them has is a difference. Not where results have no time, and one of both may not have come so far yet. */
  readonly isSettled: boolean
  /** Columns that only one of them has, which are not compared. */
  readonly columnsOnlyOld: readonly string[]
  readonly columnsOnlyNew: readonly string[]
}

/** A query and the version that is tried beside it. */
export interface QueryDiff {
  readonly name: string
  readonly beside: string
  /** What both write to. */
  readonly targets: readonly TargetDiff[]
  /** Streams that only one of them writes to. */
  readonly onlyOld: readonly string[]
  readonly onlyNew: readonly string[]
}

/**
 * Compares what a query and `NAME.next` have written for the same time. Rejects with QueryError `notFound` where one of them is not there, and
 * `invalid` where SQL can no longer be bound.
 */
export async function diffQuery(
  { client }: Pick<QueryDoor, 'client'>,
  name: string,
  { rows = 10 }: DiffOptions = {},
): Promise<QueryDiff> {
  const { definition: old } = await getQuery(client, name)
  const { definition: next } = await getQuery(client, nextOf(name))
  const { beside } = next
  if (beside === undefined)
    throw new QueryError('invalid', `${nextOf(name)} is a query of its own, and no version of ${name}.`)
  const directory = await mkdtemp(join(tmpdir(), 'millrace-diff-'))
  try {
    await using engine = await Engine.open({ memory: MEMORY_BYTES, spoolDir: join(directory, 'spilled') })
    using session = await engine.session()
    const parser = new SqlParser(session)
    const sides = [
      await targetsOf(client, { parser, definition: old }),
      await targetsOf(client, { parser, definition: next }),
    ] as const
    const diff = new QueriesDiff({ client, session, directory, name, beside, rows })
    const targets: TargetDiff[] = []
    for (const [target, own] of sides[0]) {
      const other = sides[1].get(target)
      if (other !== undefined) targets.push(await diff.target(own, other))
    }
    const missing = (from: TargetKeys, of: TargetKeys): readonly string[] =>
      [...from].filter(([target]) => !of.has(target)).map(([, { stream }]) => stream)
    return {
      name,
      beside: nextOf(name),
      targets,
      onlyOld: missing(sides[0], sides[1]),
      onlyNew: missing(sides[1], sides[0]),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** A stream of results, and what all statements that write to it have in common. */
interface TargetResults {
  readonly stream: string
  readonly keys: ResultKeys
}

/** By the name that SQL has for it. */
type TargetKeys = ReadonlyMap<string, TargetResults>

async function targetsOf(
  client: Client,
  { parser, definition }: { readonly parser: SqlParser; readonly definition: QueryDefinition },
): Promise<TargetKeys> {
  const { plan, results } = await checkSql(client, { ...definition, given: definition.columns })
  const hasLateness = (definition.time.latenessMs ?? 0) > 0
  const targets = new Map<string, TargetResults>()
  for (const [at, statement] of plan.statements.entries()) {
    const target = statement.target!
    const keys = await resultKeys(parser, plan, { statement, columns: results[at]!, hasLateness })
    const known = targets.get(target)?.keys
    targets.set(target, {
      stream: outputOf(definition, target),
      keys: known === undefined ? keys : both(known, keys),
    })
  }
  return targets
}

/** What the results of two statements have in common. */
function both(one: ResultKeys, other: ResultKeys): ResultKeys {
  const isShared = (name: string): boolean => other.columns.some((column) => column.name === name)
  return {
    columns: one.columns.filter(({ name }) => isShared(name)),
    keys: new Set([...one.keys].filter((name) => other.keys.has(name))),
    moment: one.moment === other.moment ? one.moment : undefined,
    reach: one.reach === other.reach ? one.reach : undefined,
    // Of two statements it is not known which one has written a result.
    changes: false,
  }
}

interface DiffParts {
  readonly client: Client
  readonly session: EngineSession
  readonly directory: string
  readonly name: string
  readonly beside: BesideQuery
  readonly rows: number
}

class QueriesDiff {
  readonly #parts: DiffParts
  #files = 0

  constructor(parts: DiffParts) {
    this.#parts = parts
  }

  async target(old: TargetResults, next: TargetResults): Promise<TargetDiff> {
    const { session, beside, rows } = this.#parts
    const isTimed = old.keys.moment !== undefined && next.keys.moment !== undefined
    const before = await this.#standing({ isTimed })
    const sides = [
      await this.#read(old, { since: beside.since, table: 'diff_old' }),
      await this.#read(next, { since: 0, table: 'diff_new' }),
    ] as const
    const known = { target: old.stream, beside: next.stream, ...columnsApart(old.keys, next.keys) }
    if (!isTimed) {
      const after = await this.#standing({ isTimed: true })
      const isSettled = before.isSame && after.isSame && before.versions === after.versions
      const found = await comparison(session, { sides, where: 'true', rows })
      return { ...known, ...found, after: undefined, until: undefined, isSettled }
    }
    const after = beside.after === undefined ? await this.#firstWhole(old, next) : beside.after
    const { until } = before
    const above = after === null ? 'true' : `millrace_moment > make_timestamp(${after})`
    const where = until === null ? 'false' : `${above} AND millrace_moment <= make_timestamp(${until})`
    const found = await comparison(session, { sides, where, rows })
    return { ...known, ...found, after: milliseconds(after), until: milliseconds(until), isSettled: true }
  }

  async #read(
    { stream, keys }: TargetResults,
    of: { readonly since: number; readonly table: string },
  ): Promise<ComparedSide> {
    const { client, session, directory } = this.#parts
    const path = join(directory, `results-${this.#files++}`)
    const unreadable = await readResults({ client, session, path }, { stream, keys, ...of })
    return { table: of.table, keys, unreadable }
  }

  /** The moment after which both have whole windows, though each began at a time of its own; null where one of them has no results. */
  async #firstWhole(old: TargetResults, next: TargetResults): Promise<number | null> {
    const firsts: number[] = []
    for (const [table, { keys }] of [
      ['diff_old', old],
      ['diff_new', next],
    ] as const) {
      const [row] = (await this.#parts.session.rows(
        `SELECT epoch_us(min(millrace_moment))::DOUBLE AS first FROM ${table}`,
      )) as readonly { readonly first: number | null }[]
      if (row!.first === null) return null
      firsts.push(row!.first + (keys.reach === undefined ? 0 : keys.reach - 1))
    }
    return Math.max(...firsts)
  }

  /** How far both have come. Without time, it is waited a little until they stand at one place. */
  async #standing({ isTimed }: { readonly isTimed: boolean }): Promise<{
    readonly until: number | null
    readonly isSame: boolean
    readonly versions: string
  }> {
    const { client, name } = this.#parts
    const progress = progressDocuments(client)
    for (let waited = 0; ; waited += LOOK_MS) {
      const [old, next] = [await progress.get(name), await progress.get(nextOf(name))]
      const places = [old?.value.place, next?.value.place] as const
      const marks = places.map((place) => place?.watermark ?? null)
      const isWriting = old?.value.prepared !== undefined || next?.value.prepared !== undefined
      const isSame = !isWriting && isSamePlace(...places)
      if (isTimed || isSame || waited >= SETTLE_MS)
        return {
          until: marks.includes(null) ? null : Math.min(...(marks as number[])),
          isSame,
          versions: `${old?.version} ${next?.version}`,
        }
      await sleep(LOOK_MS)
    }
  }
}

function isSamePlace(one: QueryPlace | undefined, other: QueryPlace | undefined): boolean {
  if (one === undefined || other === undefined || one.watermark !== other.watermark) return false
  return isDeepStrictEqual(one.positions, other.positions)
}

function columnsApart(
  old: ResultKeys,
  next: ResultKeys,
): Pick<TargetDiff, 'columnsOnlyOld' | 'columnsOnlyNew'> {
  const names = ({ columns }: ResultKeys): readonly string[] => columns.map(({ name }) => name)
  return {
    columnsOnlyOld: names(old).filter((name) => !names(next).includes(name)),
    columnsOnlyNew: names(next).filter((name) => !names(old).includes(name)),
  }
}

function milliseconds(microseconds: number | null): number | undefined {
  return microseconds === null ? undefined : Math.floor(microseconds / 1000)
}
