// Says at creation whether the expressions of a delivery are expressions of jq, in jq's own words and with its place. Runs where a
// definition is made, and in the app.
import { jqInput, jqProgram } from './jq-program.ts'
import { localJq } from './jq-runtime.ts'

/** Expressions of a delivery at most, and characters of one. */
export const QUERIES_MAX = 50
export const QUERY_CHARACTERS_MAX = 4096

/** Returns why the expressions are refused; undefined where they are taken. */
export async function queriesRefusal(queries: Readonly<Record<string, string>>): Promise<string | undefined> {
  const entries = Object.entries(queries)
  if (entries.length > QUERIES_MAX)
    return `A delivery has ${entries.length} expressions; at most ${QUERIES_MAX} are allowed.`
  const jq = localJq()
  for (const [name, expression] of entries) {
    const refusal = await queryRefusal(name, expression, (program, input) => jq.run(program, input))
    if (refusal !== undefined) return refusal
  }
  return undefined
}

async function queryRefusal(
  name: string,
  expression: string,
  run: ReturnType<typeof localJq>['run'],
): Promise<string | undefined> {
  if (!/^[^{}:!\s]{1,128}$/.test(name) || name === '__proto__') {
    return `The name ${JSON.stringify(name)} of an expression does not fit into a prefix: it has 1 to 128 characters, and no blanks, braces, ":" or "!".`
  }
  if (expression.trim() === '') return `The expression ${name} is empty; "." stands for the record itself.`
  if (expression.length > QUERY_CHARACTERS_MAX) {
    return `The expression ${name} has ${expression.length} characters; at most ${QUERY_CHARACTERS_MAX} are allowed.`
  }
  if (expression.includes('\0')) return `The expression ${name} contains a NUL.`
  // Without an input jq compiles, and evaluates nothing. Alone, so that places are those of the user's text; then as it will be run.
  for (const program of [expression, jqProgram([expression])]) {
    const { exitCode, stderr } = await run(program, program === expression ? '' : jqInput([]))
    if (exitCode !== 0)
      return `The expression ${name} is refused by jq: ${stderr.trim().replace(/\njq: 1 compile error$/, '')}`
  }
  return undefined
}
