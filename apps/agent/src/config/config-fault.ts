// What is wrong with a configuration: all of it at once, each with its place. Pure.

/** Where in the files something stands. */
export interface ConfigPlace {
  readonly file: string
  /** Of the file, from 1; undefined where the file itself is meant. */
  readonly line?: number
}

export interface ConfigProblem extends ConfigPlace {
  /** A sentence: the key, the value, and what to do. */
  readonly message: string
}

/** The configuration cannot be used. Its message has all problems, one a line. */
export class AgentConfigFault extends Error {
  override readonly name = 'AgentConfigFault'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(printedProblem).join('\n'))
    this.problems = problems
  }
}

/** `agent.json:12: …` */
export function printedProblem({ file, line, message }: ConfigProblem): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}`
}
