// A short text in the data directory that is replaced as a whole: after a crash the file has either the old text or the
// new. Runs in the controller.
import { readFile } from 'node:fs/promises'
import { replaceFile } from './disk/durable-files.ts'

export interface Note {
  /** Undefined if there is no note. */
  load(): Promise<string | undefined>
  save(content: string): Promise<void>
}

export function noteAt(path: string): Note {
  return {
    async load() {
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    save: (content) => replaceFile(path, content),
  }
}
