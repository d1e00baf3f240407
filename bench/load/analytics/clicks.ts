// Clicks as JSON of about 200 bytes, the same in every run. Their times rise evenly. Pure.

/** Clicks in a second of event time. */
export const CLICKS_PER_SECOND = 5000
/** When the first one is, in milliseconds since 1970: the begin of a minute. */
export const FIRST_CLICK_MS = Date.UTC(2026, 0, 1)
const PAGES = 100
const USERS = 10_000

export interface Click {
  readonly partitionKey: string
  readonly data: Buffer
}

/** The click of a number, at its time or at another one. */
export function click(
  number: number,
  atMs = FIRST_CLICK_MS + Math.floor((number * 1000) / CLICKS_PER_SECOND),
): Click {
  const user = `user-${(number * 7919) % USERS}`
  const json = {
    ts: new Date(atMs).toISOString(),
    user,
    page: `/products/${(number * 31) % PAGES}`,
    ms: (number * 17) % 5000,
    price: ((number * 13) % 10_000) / 100,
    agent: 'Mozilla/5.0 (X11; Linux x86_64)',
    referrer: `https://example.com/search?q=${number % 1000}`,
  }
  return { partitionKey: user, data: Buffer.from(JSON.stringify(json)) }
}

/** Types of DuckDB of what queries of the bench read. */
export const clickColumns = { ts: 'TIMESTAMP', page: 'VARCHAR', ms: 'BIGINT' }
