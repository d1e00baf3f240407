// A few lines in the data directory that are replaced as a whole: after a crash the old ones are there, or the new. Runs in
// the controller.
import { readFile } from 'node:fs/promises'
import { replaceFile } from './disk/durable-files.ts'

export interface Note {
  /** Undefined where there is none. */
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
