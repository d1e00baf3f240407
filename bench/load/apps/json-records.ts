// Records of JSON, the same in every run: log lines of a web server, and small ones. Runs in load processes.

/** Bytes of a small record. */
const SMALL_BYTES = 100

/** Log lines of a web server as JSON, of about 180 bytes, until they have so many megabytes. */
export function logLines(megabytes: number): Uint8Array[] {
  let state = 12_345
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  const countries = ['US', 'DE', 'FR', 'BR', 'IN', 'CN', 'JP', 'GB', 'CA', 'MX']
  const records: Uint8Array[] = []
  for (let bytes = 0; bytes < megabytes * 1e6;) {
    const record = Buffer.from(
      JSON.stringify({
        id: records.length,
        ts: new Date(1.7e12 + records.length * 37).toISOString(),
        user: `user-${below(100_000)}`,
        country: countries[below(countries.length)],
        path: `/products/${below(5000)}/view`,
        status: below(20) === 0 ? 404 : 200,
        ms: below(100_000) / 100,
        agent: { os: 'linux', v: below(30) },
        tags: ['a', 'b'].slice(0, below(3)),
      }),
    )
    records.push(record)
    bytes += record.length
  }
  return records
}

/** Records of 100 bytes, of which every second one is of the kind `view`. */
export function smallRecords(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, id) => {
    const text = `{"id":${id},"kind":"${id % 2 === 0 ? 'view' : 'click'}","rest":"`
    return Buffer.from(`${text.padEnd(SMALL_BYTES - 2, 'x')}"}`)
  })
}
