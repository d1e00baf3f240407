// Queries whose results come back to them through other queries. Runs wherever there is a client. What two make at the same time, neither of
// them sees of the other.
import type { Client } from 'millrace'
import { queryKinds, type QueryDefinition } from 'millrace/protocol'
import { streamsWritten } from '../streams/outputs.ts'
import { QueryError } from './query-error.ts'

/** A query, the stream that it reads, and the one that it writes to. */
interface Step {
  readonly query: string
  readonly from: string
  readonly to: string
}

interface Named {
  readonly name: string
  readonly definition: QueryDefinition
}

/** Refuses a query that reads what others make of its own results. Rejects with QueryError `invalid`. */
export async function checkCircles(client: Client, query: Named): Promise<void> {
  const others: Step[] = []
  for await (const { name, value } of client.documents<QueryDefinition>(queryKinds.queries).list()) {
    if (name !== query.name) others.push(...stepsOf({ name, definition: value }))
  }
  const circle = circleOf(stepsOf(query), others)
  if (circle === undefined) return
  const [first, ...rest] = circle
  const way = rest.map(({ query: name, from, to }) => `${name} reads ${from} and writes to ${to}`)
  throw new QueryError(
    'invalid',
    `Its results would come back to it for ever: it writes to ${first!.to}, ${way.join(', ')}, which it reads. Write them to another stream.`,
  )
}

/** Returns the shortest way from what a query writes to what it reads: its own step first. */
function circleOf(own: readonly Step[], others: readonly Step[]): readonly Step[] | undefined {
  const read = new Set(own.map(({ from }) => from))
  const seen = new Set<string>()
  let ways: (readonly Step[])[] = own.map((step) => [step])
  while (ways.length > 0) {
    const longer: (readonly Step[])[] = []
    for (const way of ways) {
      const { to } = way.at(-1)!
      if (read.has(to)) return way
      if (seen.has(to)) continue
      seen.add(to)
      for (const step of others) if (step.from === to) longer.push([...way, step])
    }
    ways = longer
  }
  return undefined
}

function stepsOf({ name, definition }: Named): readonly Step[] {
  const written = streamsWritten(definition)
  return Object.keys(definition.columns).flatMap((from) => written.map((to) => ({ query: name, from, to })))
}
