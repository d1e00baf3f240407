// Finds the partition of each record by the expressions of a delivery. Plain paths are read from the parsed record, all else is asked of jq,
// with the same results. Pure but for the runtime of jq that it is given.
import { jqProgram, type JqOutcome } from './jq-program.ts'
import { evaluated } from './jq-evaluation.ts'
import type { JqRuntime } from './jq-runtime.ts'
import { partitionValue, type JqResult } from './partition-value.ts'
import { isSurelyReadByJq, plainPath, resultAt } from './plain-path.ts'

/** Values by the names of expressions, or why a record has no partition. */
export type Partition = { readonly values: Readonly<Record<string, string>> } | { readonly fault: string }

export interface Partitioner {
  /** Returns the partition of each record, in their order. */
  partitions(records: readonly Uint8Array[]): Promise<readonly Partition[]>
  close(): Promise<void>
}

/** Firehose's sentence. */
const NO_JSON = 'Non JSON record provided'

/** Returns a partitioner. `jq` is called where an expression is no plain path, or a record needs it. */
export function makePartitioner(queries: Readonly<Record<string, string>>, jq: () => JqRuntime): Partitioner {
  const names = Object.keys(queries)
  const expressions = Object.values(queries)
  const paths = expressions.map(plainPath)
  const program = jqProgram(expressions)
  let runtime: JqRuntime | undefined
  return {
    partitions: async (records) => {
      const partitions: (Partition | undefined)[] = []
      const asked: string[] = []
      for (const record of records) {
        const text = utf8(record)
        const outcome = outcomeOf(text, paths)
        if (outcome === undefined) asked.push(text)
        partitions.push(outcome === undefined ? undefined : partitionOf(names, outcome))
      }
      if (asked.length === 0) return partitions as readonly Partition[]
      const answers = await evaluated((runtime ??= jq()), program, asked)
      let next = 0
      return partitions.map((partition) => partition ?? partitionOf(names, answers[next++]!))
    },
    close: async () => runtime?.close(),
  }
}

/** Returns what the expressions give; undefined where jq has to say. */
function outcomeOf(text: string, paths: readonly (readonly string[] | undefined)[]): JqOutcome | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { fault: NO_JSON }
  }
  if (!isSurelyReadByJq(text)) return undefined
  const results: JqResult[][] = []
  for (const path of paths) {
    const result = path === undefined ? undefined : resultAt(value, path)
    if (result === undefined) return undefined
    results.push([result])
  }
  return results
}

function partitionOf(names: readonly string[], outcome: JqOutcome): Partition {
  if ('fault' in outcome) return outcome
  const values: Record<string, string> = {}
  for (const [place, name] of names.entries()) {
    const value = partitionValue(name, outcome[place]!)
    if ('fault' in value) return value
    values[name] = value.text
  }
  return { values }
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
