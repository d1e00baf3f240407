// Evaluates expressions over many records: few runs of jq where all is well; where a run ends before its records do, halves of it, down to
// the record that ends it. The outcome of a record depends on it alone.
import { jqInput, jqOutcomes, type JqOutcome } from './jq-program.ts'
import type { JqRuntime } from './jq-runtime.ts'

/** What one run is given at most: what jq makes of it lies in memory at once. */
const RUN_RECORDS_MAX = 1000
const RUN_CHARACTERS_MAX = 2 ** 19

/** Returns an outcome for each text, in their order. */
export async function evaluated(
  jq: JqRuntime,
  program: string,
  texts: readonly string[],
): Promise<readonly JqOutcome[]> {
  const outcomes: JqOutcome[] = []
  for (const run of runsOf(texts)) outcomes.push(...(await evaluatedRun(jq, program, run)))
  return outcomes
}

function* runsOf(texts: readonly string[]): Generator<readonly string[]> {
  let run: string[] = []
  let characters = 0
  for (const text of texts) {
    if (run.length === RUN_RECORDS_MAX || (run.length > 0 && characters + text.length > RUN_CHARACTERS_MAX)) {
      yield run
      run = []
      characters = 0
    }
    run.push(text)
    characters += text.length
  }
  if (run.length > 0) yield run
}

async function evaluatedRun(
  jq: JqRuntime,
  program: string,
  texts: readonly string[],
): Promise<readonly JqOutcome[]> {
  const output = await jq.run(program, jqInput(texts))
  const outcomes = jqOutcomes(output, texts.length)
  if (outcomes !== undefined) return outcomes
  if (texts.length === 1)
    return [{ fault: output.stderr.trim() || `jq has ended with code ${output.exitCode}` }]
  const half = texts.length >> 1
  return [
    ...(await evaluatedRun(jq, program, texts.slice(0, half))),
    ...(await evaluatedRun(jq, program, texts.slice(half))),
  ]
}
