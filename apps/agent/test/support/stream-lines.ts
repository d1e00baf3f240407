// What a stream holds, as the lines of files that went into it. For tests.
import type { Client } from 'millrace'

/** All records of a stream, as text, in the order of their shards. */
export async function linesOf(client: Client, stream: string): Promise<string[]> {
  const lines: string[] = []
  for await (const record of client.read(stream)) lines.push(Buffer.from(record.bytes).toString())
  return lines
}

/** Lines that are not there just once: those that are missing, and those that came more often. */
export function differences(
  expected: readonly string[],
  found: readonly string[],
): { missing: string[]; extra: string[] } {
  const counts = new Map<string, number>()
  for (const line of expected) counts.set(line, (counts.get(line) ?? 0) + 1)
  for (const line of found) counts.set(line, (counts.get(line) ?? 0) - 1)
  const having = (test: (count: number) => boolean) =>
    [...counts].filter(([, count]) => test(count)).map(([line]) => line)
  return { missing: having((count) => count > 0), extra: having((count) => count < 0) }
}

export const nothing = { missing: [], extra: [] }

export function numbered(from: number, count: number, name = 'line'): string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${from + index}\n`)
}
