// Words of an expression, and a cursor over them. Pure.
import { invalid } from '../dynamodb-error.ts'

/** An expression is no longer. */
const EXPRESSION_LENGTH_MAX = 4096
const word = /\s*(?:([#:][A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*)|(\d+)|(<>|<=|>=|[=<>()[\],.+-]))/y

export class Tokens {
  readonly #kind: string
  readonly #words: string[] = []
  #at = 0

  /** @param kind names the expression in errors */
  constructor(text: string, kind: string) {
    this.#kind = kind
    if (text.length > EXPRESSION_LENGTH_MAX) throw this.error('The expression is too long.')
    let end = 0
    const trimmed = text.trimEnd()
    while (end < trimmed.length) {
      word.lastIndex = end
      const match = word.exec(trimmed)
      if (match === null) throw this.error(`Syntax error; token: "${trimmed.slice(end, end + 10)}"`)
      this.#words.push(match[1] ?? match[2] ?? match[3]!)
      end = word.lastIndex
    }
    if (this.#words.length === 0) throw this.error('The expression can not be empty;')
  }

  get isAtEnd(): boolean {
    return this.#at === this.#words.length
  }

  /** The next word, or the one so many behind it; '' at the end. */
  peek(ahead = 0): string {
    return this.#words[this.#at + ahead] ?? ''
  }

  next(): string {
    const found = this.peek()
    this.#at++
    return found
  }

  /** Takes the next word if it is this one, in capitals or not. */
  takes(wanted: string): boolean {
    if (this.peek().toUpperCase() !== wanted) return false
    this.#at++
    return true
  }

  expect(wanted: string): void {
    if (!this.takes(wanted)) throw this.syntax()
  }

  syntax(): Error {
    return this.error(`Syntax error; token: "${this.peek() || '<EOF>'}"`)
  }

  error(text: string): Error {
    return invalid(`Invalid ${this.#kind}: ${text}`)
  }
}
