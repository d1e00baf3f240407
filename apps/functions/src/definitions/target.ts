// The target of a function as people write it: a path with `#export`, or a url. Runs anywhere, pure.
import { resolve } from 'node:path'
import type { FunctionTarget } from 'millrace/protocol'

/** The export that is called where none is named. */
const HANDLER = 'handler'

/** `./enrich.mjs`, `./enrich.mjs#main` or `https://host/path`. A path is made absolute from `cwd`. */
export function parseTarget(text: string, cwd: string): FunctionTarget {
  if (/^https?:\/\//i.test(text)) return { type: 'http', url: text }
  const hash = text.lastIndexOf('#')
  const [path, handler] = hash < 0 ? [text, HANDLER] : [text.slice(0, hash), text.slice(hash + 1) || HANDLER]
  return { type: 'module', path: resolve(cwd, path), handler }
}
