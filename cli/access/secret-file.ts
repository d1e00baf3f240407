// A file for a secret that is shown once. It is made before the secret is: a secret that cannot be kept would be lost.
import { randomBytes } from 'node:crypto'
import { access, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { Failure } from '../failure.ts'

/** A file that is not at its path yet. */
export class SecretFile implements AsyncDisposable {
  readonly #path: string
  readonly #temporary: string
  readonly #file: FileHandle
  #isKept = false

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path
    this.#temporary = temporary
    this.#file = file
  }

  /** Makes the file beside its path, readable by this user alone. Throws Failure (usage) if another is at the path. */
  static async open(path: string, { replace }: { replace: boolean }): Promise<SecretFile> {
    if (!replace && (await isThere(path))) {
      throw new Failure(`${path} is there already. With --replace the new one takes its place.`, 'usage')
    }
    const temporary = `${path}.${randomBytes(6).toString('hex')}`
    return new SecretFile(path, temporary, await open(temporary, 'wx', 0o600))
  }

  /** Writes the secret, and puts the file at its path. */
  async keep(secret: string): Promise<void> {
    await this.#file.writeFile(secret)
    await this.#file.sync()
    await rename(this.#temporary, this.#path)
    this.#isKept = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
    if (!this.#isKept) await rm(this.#temporary, { force: true })
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
