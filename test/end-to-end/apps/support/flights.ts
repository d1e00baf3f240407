// Flights of the year 2001, real ones: lines for a log, and what must come out where a function takes the late ones and says how late.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Flight {
  readonly date: string
  readonly delay: number
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

const path = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/flights-20k.json', import.meta.url),
)
const flights = JSON.parse(readFileSync(path, 'utf8')) as readonly Flight[]

/** One line for each flight. */
export const flightLines: readonly string[] = flights.map((flight) => JSON.stringify(flight))

/** The module of a function: passes on flights that were late, with their route and the part of the day. */
export const handlerSource = `
export const handler = async ({ Records }) => ({
  records: Records.map(({ kinesis }) => JSON.parse(Buffer.from(kinesis.data, 'base64')))
    .filter(({ delay }) => delay > 0)
    .map((flight) => ({
      partitionKey: flight.origin,
      data: { ...flight, route: flight.origin + '-' + flight.destination, lateness: flight.delay < 15 ? 'slight' : flight.delay < 60 ? 'late' : 'very-late' },
    })),
})
`

/** What the function makes of all flights, as rows are written by `rowText`. Worked out by itself. */
export function expectedRows(): string[] {
  const latenessOf = (delay: number): string => {
    if (delay < 15) return 'slight'
    return delay < 60 ? 'late' : 'very-late'
  }
  return flights
    .filter(({ delay }) => delay > 0)
    .map((flight) => {
      const route = `${flight.origin}-${flight.destination}`
      return rowText({ ...flight, route, lateness: latenessOf(flight.delay) })
    })
}

/** The columns of a row, in the order in which rows are compared. */
export const flightColumns = {
  date: 'VARCHAR',
  delay: 'BIGINT',
  distance: 'BIGINT',
  origin: 'VARCHAR',
  destination: 'VARCHAR',
  route: 'VARCHAR',
  lateness: 'VARCHAR',
} as const

/** A row as one text: numbers of any width alike. */
export function rowText(row: Readonly<Record<string, unknown>>): string {
  return Object.keys(flightColumns)
    .map((column) => String(row[column]))
    .join('|')
}
