// The option by which a verb encrypts and decrypts records, and what it means for the client. Runs in the command line.
import { Option } from 'commander'
import type { ConnectOptions } from '../../client/index.ts'

export interface EncryptionFlags {
  /** A directory of `millrace key create`. */
  readonly encryptionKeys?: string
}

export function encryptionOption(what: string): Option {
  return new Option(
    '--encryption-keys <path>',
    `${what}, with the keys of this directory: see \`millrace key\``,
  )
}

/** What the client is told. The client is loaded only where it is needed. */
export async function encryptionOf({
  encryptionKeys,
}: EncryptionFlags): Promise<Pick<ConnectOptions, 'encryption'>> {
  if (encryptionKeys === undefined) return {}
  const { fileKeys } = await import('../../client/index.ts')
  return { encryption: { keys: fileKeys(encryptionKeys) } }
}
