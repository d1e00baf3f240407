// JSON as it was written: numbers keep their digits, and a fault has its place. Patterns are read by it, and data where a pattern
// compares numbers as texts. Runs anywhere, pure; slower than JSON.parse.

/** A number with the text that it was written as. */
export class WrittenNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** How deep arrays and objects may lie in each other. */
const DEPTH_MAX = 512

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const BLANKS = /[ \t\n\r]*/y
const STRING = /"(?:[^"\\]|\\.)*"/sy

/**
 * Returns the value of a JSON text, with numbers as `WrittenNumber`. Of fields of one name the last one counts. Throws a
 * `SyntaxError` that names the character where the text is no JSON.
 */
export function parseExactJson(text: string): unknown {
  const cursor = new Cursor(text)
  const value = cursor.value(0)
  cursor.end()
  return value
}

class Cursor {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw new SyntaxError(`It is nested more than ${DEPTH_MAX} deep.`)
    this.#blanks()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    if (first === '"') return this.#string()
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    const number = this.#take(NUMBER)
    if (number === undefined) throw this.#fault()
    return new WrittenNumber(number)
  }

  end(): void {
    this.#blanks()
    if (this.#at < this.#text.length) throw this.#fault()
  }

  #object(depth: number): Record<string, unknown> {
    // Without a prototype: a field may have the name of one of its members.
    const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    this.#at++
    if (this.#next('}')) return object
    do {
      this.#blanks()
      if (this.#text[this.#at] !== '"') throw this.#fault()
      const name = this.#string()
      this.#need(':')
      object[name] = this.value(depth + 1)
    } while (this.#next(','))
    this.#need('}')
    return object
  }

  #array(depth: number): unknown[] {
    const array: unknown[] = []
    this.#at++
    if (this.#next(']')) return array
    do array.push(this.value(depth + 1))
    while (this.#next(','))
    this.#need(']')
    return array
  }

  #string(): string {
    const begin = this.#at
    const literal = this.#take(STRING)
    if (literal === undefined) throw this.#fault()
    try {
      return JSON.parse(literal) as string
    } catch {
      throw new SyntaxError(`The text that begins at character ${begin + 1} is no JSON.`)
    }
  }

  #blanks(): void {
    this.#take(BLANKS)
  }

  #next(mark: string): boolean {
    this.#blanks()
    if (this.#text[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #need(mark: string): void {
    if (!this.#next(mark)) throw this.#fault()
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #fault(): SyntaxError {
    const found = this.#text[this.#at]
    return new SyntaxError(
      found === undefined
        ? 'It ends too early.'
        : `Character ${this.#at + 1}, ${JSON.stringify(found)}, is not expected.`,
    )
  }
}

const words = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const
