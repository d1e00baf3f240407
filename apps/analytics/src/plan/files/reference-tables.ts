// Files from elsewhere in FROM: what is refused of their names, and the copies that DuckDB reads in their place. Pure.
import { hasFormat, isReference, referenceFault } from '../../reference/reference-name.ts'

/** What is wrong with the name of a file, as a sentence; undefined where it can be read. `isTable`: it stands in FROM by itself. */
export function fileFault(name: string, { isTable }: { readonly isTable: boolean }): string | undefined {
  if (!isReference(name)) return undefined
  const fault = referenceFault(name)
  if (fault !== undefined || !isTable || hasFormat(name)) return fault
  return `How the file is read is not seen from its name: write read_csv('…'), read_json('…') or read_parquet('…') with it.`
}

/** Puts the copies of files from elsewhere into a tree of SQL, in the place of their names. */
export function putCopies(part: unknown, pathOf: (name: string) => string): void {
  if (Array.isArray(part)) {
    for (const each of part) putCopies(each, pathOf)
    return
  }
  if (typeof part !== 'object' || part === null) return
  const node = part as Record<string, unknown>
  const { type, table_name: table, function_name: call, children } = node
  if (type === 'BASE_TABLE' && typeof table === 'string' && isReference(table))
    node['table_name'] = pathOf(table)
  if (typeof call === 'string' && readsFiles(call)) putArguments(children, pathOf)
  for (const below of Object.values(node)) putCopies(below, pathOf)
}

/** Whether a function of FROM reads the files that it is given. */
export function readsFiles(call: string): boolean {
  return /^(read_|parquet_scan|glob$)/i.test(call)
}

function putArguments(part: unknown, pathOf: (name: string) => string): void {
  if (Array.isArray(part)) {
    for (const each of part) putArguments(each, pathOf)
    return
  }
  if (typeof part !== 'object' || part === null) return
  const node = part as Record<string, unknown>
  if (typeof node['value'] === 'string' && isReference(node['value'])) node['value'] = pathOf(node['value'])
  for (const below of Object.values(node)) putArguments(below, pathOf)
}
