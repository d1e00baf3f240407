// The queries of examples/queries, over the public data that they are for: each gives what plain JavaScript makes of the same rows.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { queryApp, rowsIn } from '../support/query-app.ts'

interface Flight {
  readonly date: string
  readonly delay: number
  readonly origin: string
}

interface Earthquake {
  readonly time: number
  readonly mag: number
  readonly place: string
  readonly type: string
}

type Row = Readonly<Record<string, unknown>>

const MINUTE_MS = 60_000

const textOf = (path: string) =>
  readFile(fileURLToPath(new URL(`../../../../${path}`, import.meta.url)), 'utf8')
const dataset = async (name: string): Promise<unknown> =>
  JSON.parse(await textOf(`node_modules/vega-datasets/data/${name}`))

const flights = (await dataset('flights-20k.json')) as readonly Flight[]
/** It ends the windows of all others. */
const laterFlight: Flight = { ...flights.at(-1)!, date: '2001/04/02 00:00' }

const feed = (await dataset('earthquakes.json')) as { features: { properties: Earthquake }[] }
const earthquakes = feed.features
  .map(({ properties: { time, mag, place, type } }): Earthquake => ({ time, mag, place, type }))
  .toSorted((a, b) => a.time - b.time)
/** It ends the sessions of all others. */
const laterEarthquake: Earthquake = {
  ...earthquakes.at(-1)!,
  time: earthquakes.at(-1)!.time + 60 * MINUTE_MS,
}

/** A stream as an example reads it: its rows by their time, the last of which is there to end the windows of the others. */
interface Input {
  readonly stream: string
  readonly columns: Readonly<Record<string, string>>
  readonly rows: readonly object[]
}

const flightsInput: Input = {
  stream: 'flights',
  columns: { date: 'VARCHAR', delay: 'BIGINT', origin: 'VARCHAR' },
  rows: [...flights, laterFlight],
}
const earthquakesInput: Input = {
  stream: 'earthquakes',
  columns: { time: 'BIGINT', mag: 'DOUBLE', place: 'VARCHAR', type: 'VARCHAR' },
  rows: [...earthquakes, laterEarthquake],
}

/** Runs an example while its rows come, and expects these results and no others, in any order. */
async function expectResults(
  example: string,
  { stream, columns, rows }: Input,
  expected: readonly Row[],
): Promise<void> {
  await using app = await queryApp()
  const target = example.replaceAll('-', '_')
  await app.client.createStream(stream)
  await app.client.createStream(target)
  await app.create('q', await textOf(`examples/queries/${example}.sql`), { columns: { [stream]: columns } })
  await app.start()
  for (let from = 0; from < rows.length; from += 1000)
    await app.client.putMany(
      stream,
      rows.slice(from, from + 1000).map((row) => ({ partitionKey: 'all', data: JSON.stringify(row) })),
    )
  await expect.poll(async () => (await app.report('q'))?.rowsRead).toBe(rows.length)
  await expect
    .poll(async () => (await rowsIn(app.client, target)).length)
    .toBeGreaterThanOrEqual(expected.length)
  expect(inOneOrder(await rowsIn(app.client, target))).toEqual(inOneOrder(expected))
  expect(await app.report('q')).toMatchObject({ rowsLate: 0, rowsRefused: 0 })
  expect(app.warnings).toEqual([])
}

const inOneOrder = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).toSorted()

function groupsBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

const dayOf = ({ date }: Flight) => `${date.slice(0, 10).replaceAll('/', '-')}T00:00:00Z`

it('late-flights.sql: flights of each day by airport, and the share that was late', async () => {
  const expected = [...groupsBy(flights, (flight) => `${dayOf(flight)} ${flight.origin}`).values()]
    .filter((group) => group.length >= 5)
    .map((group) => ({
      day: dayOf(group[0]!),
      origin: group[0]!.origin,
      flights: group.length,
      late_share: group.filter(({ delay }) => delay >= 15).length / group.length,
    }))
  expect(expected.length).toBeGreaterThan(1000)
  await expectResults('late-flights', flightsInput, expected)
})

it('busiest-airports.sql: the first three of each day, in their places', async () => {
  const expected = [...groupsBy(flights, dayOf)].flatMap(([day, ofDay]) =>
    [...groupsBy(ofDay, ({ origin }) => origin)]
      .map(([origin, { length }]) => ({ origin, flights: length }))
      .toSorted((a, b) => b.flights - a.flights || (a.origin < b.origin ? -1 : 1))
      .slice(0, 3)
      .map((airport, index) => ({ day, place: index + 1, ...airport })),
  )
  expect(expected).toHaveLength(90 * 3)
  await expectResults('busiest-airports', flightsInput, expected)
})

it('earthquake-swarms.sql: sessions of at least five earthquakes of a region', async () => {
  const natural = earthquakes.filter(({ type }) => type === 'earthquake')
  const expected = [...groupsBy(natural, ({ place }) => place.split(', ').at(-1)!)].flatMap(
    ([region, ofRegion]) =>
      sessionsOf(ofRegion)
        .filter((session) => session.length >= 5)
        .map((session) => ({
          region,
          began: textOfTime(session[0]!.time),
          ended: textOfTime(session.at(-1)!.time),
          earthquakes: session.length,
          strongest: Math.max(...session.map(({ mag }) => mag)),
        })),
  )
  expect(expected.length).toBeGreaterThan(20)
  await expectResults('earthquake-swarms', earthquakesInput, expected)
})

/** Earthquakes in the order of their times, parted where more than 20 minutes pass without any. */
function sessionsOf(ordered: readonly Earthquake[]): Earthquake[][] {
  const sessions: Earthquake[][] = []
  for (const earthquake of ordered) {
    const open = sessions.at(-1)
    if (open !== undefined && earthquake.time - open.at(-1)!.time <= 20 * MINUTE_MS) open.push(earthquake)
    else sessions.push([earthquake])
  }
  return sessions
}

/** A time as results have it: without zeros at its end. */
const textOfTime = (ms: number) => new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z')
