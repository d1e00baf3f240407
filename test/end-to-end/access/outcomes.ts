// What a request got, as text and leaf by leaf, so that answers to requests that differ in names can be compared.
import type { outcomeOf } from './world.ts'

/** Everything in a value as text, bytes too. */
export function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_key, found: unknown) => {
      if (typeof found === 'bigint') return String(found)
      const isBytes = found instanceof Uint8Array || (found as { type?: string } | null)?.type === 'Buffer'
      if (!isBytes) return found
      const bytes = found instanceof Uint8Array ? found : (found as { data: number[] }).data
      return Buffer.from(bytes).toString('latin1')
    }) ?? ''
  )
}

type Change = (value: unknown, path: string) => unknown

/** A copy in which each leaf is what `change` makes of it. */
export function mapped(value: unknown, change: Change, path = ''): unknown {
  if (Array.isArray(value)) return value.map((item, i) => mapped(item, change, `${path}.${i}`))
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, mapped(inner, change, `${path}.${name}`)]),
    )
  }
  return change(value, path)
}

export function leavesOf(value: unknown): readonly (readonly [string, unknown])[] {
  const found: [string, unknown][] = []
  mapped(value, (leaf, path) => (found.push([path, leaf]), leaf))
  return found
}

export type Outcome = Awaited<ReturnType<typeof outcomeOf>>

/** The texts of a refusal, as a whole or in parts of an answer. */
export function refusedText({ message, answer }: Outcome): string {
  const { time: _, ...rest } = (answer ?? {}) as { time?: number }
  return `${message} ${textOf(rest)}`
}

/** Done requests answer with what is his own, which is his to see. */
export const comparesAnswers = (told: Outcome): boolean =>
  told.code !== 'done' || isRefusalOfPart(told.answer)

const isRefusalOfPart = (answer: unknown): boolean => {
  const { results, shards } = answer as { results?: { code: number }[]; shards?: { code?: number }[] }
  return (results ?? shards ?? []).some(({ code = 0 }) => code !== 0)
}
