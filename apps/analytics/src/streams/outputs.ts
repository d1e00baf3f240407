// Where results go, by the names that SQL has for it. Pure.
import type { QueryDefinition } from 'millrace/protocol'
import { PlanFault } from '../plan/plan-fault.ts'
import { innerNames, splitStatements } from '../plan/text/statements.ts'

/** Returns the stream that a name stands for: the one of that name, unless the definition has another. */
export function outputOf({ outputs = {} }: Pick<QueryDefinition, 'outputs'>, name: string): string {
  return Object.hasOwn(outputs, name) ? outputs[name]! : name
}

/** Returns the streams that a query writes to, each once: those of late rows and of bad ones too. */
export function streamsWritten(
  definition: Pick<QueryDefinition, 'sql' | 'lateTo' | 'errorsTo' | 'outputs'>,
): readonly string[] {
  const { sql, lateTo, errorsTo } = definition
  const names = [...targetsOf(sql), lateTo, errorsTo].filter((name) => name !== undefined)
  return [...new Set(names.map((name) => outputOf(definition, name)))]
}

/** Returns the names that SQL writes to, but for those that it has for itself alone. */
function targetsOf(sql: string): readonly string[] {
  try {
    const { statements, created } = splitStatements(sql)
    const inner = innerNames(sql, statements, created)
    return statements.flatMap(({ target }) => (target === undefined || inner.includes(target) ? [] : target))
  } catch (error) {
    // Of SQL that an older version took and this one does not, nothing is known.
    if (error instanceof PlanFault) return []
    throw error
  }
}
