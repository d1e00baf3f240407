// Where a secret could turn up, and the forms in which it could. For the test that plants some.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A secret under a name for the report of the test. */
export interface Planted {
  readonly name: string
  /** Text in which a part of ten characters anywhere is a leak, or bytes. */
  readonly secret: string | Uint8Array
}

/** Returns the forms of a secret that a search looks for: its bytes, and how bytes are usually printed. */
function formsOf({ secret }: Planted): readonly Buffer[] {
  if (typeof secret === 'string')
    return [secret, Buffer.from(secret).toString('base64').slice(0, -4)].map((text) => Buffer.from(text))
  const bytes = Buffer.from(secret)
  const printed = [
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ]
  // As an array of numbers, and as Node prints a buffer.
  printed.push([...bytes].join(','), bytes.toString('hex').replace(/(..)(?=.)/g, '$1 '))
  return [bytes, ...printed.map((text) => Buffer.from(text))]
}

/** Returns the names of the secrets that stand in these bytes. */
export function leaksIn(content: Uint8Array | string, planted: readonly Planted[]): string[] {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content)
  return planted.filter((each) => formsOf(each).some((form) => bytes.includes(form))).map(({ name }) => name)
}

/** Returns `file: secret` for each secret that stands in a file of the directory. */
export async function leaksInFiles(
  directory: string,
  planted: readonly Planted[],
  except: readonly string[],
): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const leaks: string[] = []
  for (const entry of entries) {
    if (!entry.isFile() || except.includes(entry.name)) continue
    const content = await readFile(join(entry.parentPath, entry.name))
    leaks.push(...leaksIn(content, planted).map((name) => `${entry.name}: ${name}`))
  }
  return leaks
}

/** Command lines and titles of a process and its children. Linux only: read from /proc. */
export async function commandLinesOf(pid: number): Promise<string> {
  const of = async (id: number | string): Promise<string> => {
    const lines = await Promise.all(
      ['cmdline', 'comm'].map((file) => readFile(`/proc/${id}/${file}`, 'utf8')),
    )
    return lines.join('\n')
  }
  const tasks = await readdir(`/proc/${pid}/task`)
  const children = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8')),
  )
  const ids = children.flatMap((text) => text.trim().split(/\s+/)).filter((id) => id !== '')
  return (await Promise.all([pid, ...ids].map(of))).join('\n')
}
