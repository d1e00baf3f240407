// The jq program that evaluates several expressions over many records in one run, and the reading of what it prints. Pure. A run costs as
// much as two hundred records; so records are given together, as an array of texts, and each fails for itself.
import type { JqResult } from './partition-value.ts'

/** What a runtime of jq answers. */
export interface JqOutput {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/** Results of each expression in the order of the program, or jq's word why there are none. */
export type JqOutcome = readonly (readonly JqResult[])[] | { readonly fault: string }

/** Functions that do not give the same for the same record, or end the run. An object that is written again must be the same. */
const refusedFunctions = [
  'now',
  'input',
  'inputs',
  'halt',
  'halt_error',
  'debug',
  'stderr',
  'localtime',
  'strflocaltime',
]
const argumentsOf: Readonly<Record<string, readonly string[]>> = {
  halt_error: ['', '(x)'],
  debug: ['', '(x)'],
  strflocaltime: ['(x)'],
}

/** Begins the word of jq where a function is used that is refused. */
const NOT_HERE = 'cannot be used here'

const refusals = refusedFunctions
  .flatMap((name) => (argumentsOf[name] ?? ['']).map((x) => `def ${name}${x}: error("${name} ${NOT_HERE}");`))
  .join('')

/** Returns the program. An expression stands on lines of its own, so that a comment in it ends. */
export function jqProgram(expressions: readonly string[]): string {
  const kinds =
    'def millrace_printed: if type == "string" then {k: "string", t: .} elif type == "number" or type == "boolean" then {k: type, t: tojson} else {k: type} end;'
  // Definitions after the user's text would not reach it, and definitions in it end with it.
  const each = expressions.map((expression) => `[limit(2; (\n${expression}\n)) | millrace_printed]`)
  return `${kinds}${refusals}.[] | try (fromjson | [${each.join(',')}]) catch {e: (if type == "string" then . else tojson end)}`
}

/** The input of the program. */
export function jqInput(texts: readonly string[]): string {
  return JSON.stringify(texts)
}

/** Returns an outcome for each record; undefined where the run ended before them all. */
export function jqOutcomes(
  { stdout, exitCode }: JqOutput,
  records: number,
): readonly JqOutcome[] | undefined {
  if (exitCode !== 0) return undefined
  const lines = stdout.split('\n')
  if (lines.length !== records) return undefined
  return lines.map(outcomeOf)
}

interface Printed {
  readonly k: JqResult['kind']
  readonly t?: string
}

function outcomeOf(line: string): JqOutcome {
  const printed = JSON.parse(line) as readonly (readonly Printed[])[] | { readonly e: string }
  if ('e' in printed) return { fault: printed.e }
  return printed.map((results) =>
    results.map(({ k, t }) => (t === undefined ? { kind: k } : { kind: k, text: t }) as JqResult),
  )
}
