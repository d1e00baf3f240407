// Tells that a module may have changed: a source file of its folder did. Runs in the app. The folder is watched and not the file, since
// editors replace files, and since a module's own imports mostly stand beside it.
import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

export interface ModuleWatch {
  close(): void
}

/** Calls `onChange` after each change, until it is closed. A folder that cannot be watched, or is gone, is told once as a change. */
export type WatchModule = (path: string, onChange: () => void) => ModuleWatch

const SOURCES = /\.([cm]?[jt]s|json)$/

export const watchModule: WatchModule = (path, onChange) => {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
      if (name === null || name === basename(path) || SOURCES.test(name)) onChange()
    })
    watcher.on('error', onChange)
    return watcher
  } catch {
    // The call that follows says that there is no such module; the next one looks again.
    onChange()
    return { close: () => {} }
  }
}
