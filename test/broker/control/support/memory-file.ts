// A file with a secret, in memory.
import type { SecretFile } from '../../../../broker/control/access/key-ring.ts'

export interface MemoryFile extends SecretFile {
  content: string | undefined
}

export function memoryFile(path: string, content?: string): MemoryFile {
  const file: MemoryFile = {
    path,
    content,
    load: () => Promise.resolve(file.content),
    save: (text) => {
      file.content = text
      return Promise.resolve()
    },
  }
  return file
}
