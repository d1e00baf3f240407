// Encrypts the secrets of access keys, so that who reads the data directory, or a backup of it without the key file, cannot sign
// requests; and derives from them what verifies signatures. Runs in the controller. The key file is made with the first access key.
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import type { MillraceError } from '../../../protocol/millrace-error.ts'
import { refusal } from '../../../protocol/refusal.ts'
import type { AccessKey } from './state.ts'

/** A file with a short text, which is replaced as a whole. */
export interface SecretFile {
  readonly path: string
  /** Undefined if there is no file. */
  load(): Promise<string | undefined>
  /** Makes the file readable for its owner alone; it is durable when this fulfils. */
  save(content: string): Promise<void>
}

/** A secret as it is stored. */
export type SealedSecret = Pick<AccessKey, 'sealed' | 'sealedBy'>

const HEAD = 'millrace-access-key-1'
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

interface FileKey {
  readonly key: Buffer
  /** Names the key without telling it. */
  readonly name: string
}

export class KeyRing {
  readonly #file: SecretFile
  readonly #random: (length: number) => Buffer

  constructor(file: SecretFile, random: (length: number) => Buffer) {
    this.#file = file
    this.#random = random
  }

  /**
   * Says what is wrong with the key file, as a sentence, for access keys that were sealed by these keys; undefined if nothing is.
   */
  async problemWith(sealedBy: ReadonlySet<string>): Promise<string | undefined> {
    if (sealedBy.size === 0) return undefined
    try {
      const found = await this.#load()
      const other = [...sealedBy].find((name) => name !== found?.name)
      return other === undefined ? undefined : this.#missingText(found)
    } catch (error) {
      return (error as Error).message
    }
  }

  /**
   * Encrypts a secret for the access key of this id. `sealedBy`: the keys that encrypted the others. Where there are no others, a
   * missing key file is made; else the file must hold the same key, so that one file opens them all.
   */
  async seal(id: string, secret: string, sealedBy: ReadonlySet<string>): Promise<SealedSecret> {
    const isFirst = sealedBy.size === 0
    const found = (await this.#load()) ?? (isFirst ? await this.#make() : undefined)
    if (found === undefined || !(isFirst || sealedBy.has(found.name))) return this.#missing(found)
    const { key, name } = found
    const iv = this.#random(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aadOf(id)))
    const bytes = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return { sealed: Buffer.concat([iv, cipher.getAuthTag(), bytes]).toString('base64'), sealedBy: name }
  }

  /** Returns the key that verifies signatures of one day, region and service (Signature Version 4). Throws `unavailable`. */
  async signingKey(
    id: string,
    sealed: SealedSecret,
    scope: { readonly date: string; readonly region: string; readonly service: string },
  ): Promise<Uint8Array> {
    const secret = await this.#open(id, sealed)
    const parts = [scope.date, scope.region, scope.service, 'aws4_request']
    return parts.reduce<Buffer>(
      (key, part) => createHmac('sha256', key).update(part).digest(),
      Buffer.from(`AWS4${secret}`),
    )
  }

  async #open(id: string, { sealed, sealedBy }: SealedSecret): Promise<string> {
    const found = await this.#load()
    if (found === undefined || found.name !== sealedBy) return this.#missing(found)
    const bytes = Buffer.from(sealed, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', found.key, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(Buffer.from(aadOf(id)))
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    try {
      const opened = [decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]
      return Buffer.concat(opened).toString('utf8')
    } catch {
      throw refusal(
        'internal',
        `The secret of the access key ${id} was changed where it is stored: revoke it.`,
      )
    }
  }

  async #load(): Promise<FileKey | undefined> {
    const text = (await this.#file.load())?.trim()
    if (text === undefined) return undefined
    const [head, encoded = ''] = text.split(':')
    const key = Buffer.from(encoded, 'base64url')
    if (head === HEAD && key.length === KEY_BYTES) return { key, name: nameOf(key) }
    throw this.#unusable(`${this.#file.path} does not hold the key of this broker's access keys`)
  }

  async #make(): Promise<FileKey> {
    const key = this.#random(KEY_BYTES)
    await this.#file.save(`${HEAD}:${key.toString('base64url')}\n`)
    return { key, name: nameOf(key) }
  }

  #missing(found: FileKey | undefined): never {
    throw refusal('invalidArgument', this.#missingText(found))
  }

  #missingText(found: FileKey | undefined): string {
    const { path } = this.#file
    const what = found === undefined ? `there is no ${path}` : `${path} holds another key`
    return this.#unusable(`Access keys were encrypted by a key that is not here: ${what}`).message
  }

  #unusable(what: string): MillraceError {
    const todo = 'Put the file back, name its place by the option accessKeyFile, or revoke all access keys.'
    return refusal('invalidArgument', `${what}. ${todo}`)
  }
}

/** The encrypted secret belongs to one row: it opens in no other. */
function aadOf(id: string): string {
  return `accessKey/${id}`
}

function nameOf(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}
