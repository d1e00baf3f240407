// A log file that a program writes and logrotate rotates, by renaming or by copying and truncating. Runs in a test's process.
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync, writeFileSync } from 'node:fs'

export class RotatedLog {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    writeFileSync(path, '')
  }

  append(lines: readonly string[]): void {
    appendFileSync(this.#path, lines.map((line) => `${line}\n`).join(''))
  }

  /** Moves the file away, and begins a new one of its name. */
  rename(): void {
    this.#shift(1)
    renameSync(this.#path, `${this.#path}.1`)
    writeFileSync(this.#path, '')
  }

  /** Copies the file, and empties it. Nobody writes between the two. */
  copyTruncate(): void {
    this.#shift(1)
    copyFileSync(this.#path, `${this.#path}.1`)
    truncateSync(this.#path)
  }

  /** Makes room for a file of this number: the older ones take the next higher. */
  #shift(number: number): void {
    const taken = `${this.#path}.${number}`
    if (!existsSync(taken)) return
    this.#shift(number + 1)
    renameSync(taken, `${this.#path}.${number + 1}`)
  }
}
