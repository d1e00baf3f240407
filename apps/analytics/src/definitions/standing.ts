// How a query stands, of what its app says: whether anybody carries it out, why nothing comes out, and what holds its watermark. Pure.
import type { QueryDefinition, QueryReport, QueryShardReport } from 'millrace/protocol'

/** Also a report that says nothing new is put again within this time; when it is older, nobody can. */
const REPORT_MS_MAX = 90_000

/** How a shard of an input stands. */
export interface ShardStanding extends QueryShardReport {
  readonly stream: string
  /** Whether the watermark waits for it: it is the one that is least far, or has had no rows yet. */
  readonly holdsWatermark: boolean
}

/** What is known of a query. */
export interface KnownOfQuery {
  readonly definition: QueryDefinition
  /** Of this query, and not of a former one of its name. */
  readonly report: QueryReport | undefined
  /** Whether an app runs that carries queries out. */
  readonly isServed: boolean
}

/** Returns why nothing comes out, as a sentence; undefined while results flow. Clocks of machines may differ by less than a report may be old. */
export function reasonOf({ definition, report, isServed }: KnownOfQuery, now: number): string | undefined {
  const { state, version } = definition
  if (state === 'deleting') return 'It is being deleted.'
  if (state === 'paused') return 'It is paused.'
  if (!isServed)
    return `No app ${report === undefined ? 'has begun it' : 'carries it out now'}: run \`millrace serve --with analytics\`, or \`millrace query serve\`.`
  if (report === undefined) return 'The app has not begun it yet.'
  if (report.version < version)
    return `The app still carries out version ${report.version}, and has not begun version ${version}.`
  if (now - report.at < REPORT_MS_MAX) return report.reason
  const last = report.reason === undefined ? '' : ` The last that it said: ${report.reason}`
  return `The app has said nothing of it since ${new Date(report.at).toISOString()}.${last}`
}

/**
 * Returns the shards of all inputs. `byEventTime`: the streams whose shards the watermark waits for; others follow the clock of the broker, or
 * have no time.
 */
export function shardStandings(
  { inputs }: QueryReport,
  byEventTime: ReadonlySet<string>,
): readonly ShardStanding[] {
  const shards = inputs.flatMap(({ stream, shards: own }) => own.map((shard) => ({ stream, ...shard })))
  const isWaitedFor = ({ stream, isIdle }: (typeof shards)[number]) => !isIdle && byEventTime.has(stream)
  const least = Math.min(
    ...shards.filter(isWaitedFor).map(({ latestEventTime = -Infinity }) => latestEventTime),
  )
  return shards.map((shard) => ({
    ...shard,
    holdsWatermark: isWaitedFor(shard) && (shard.latestEventTime ?? -Infinity) === least,
  }))
}
