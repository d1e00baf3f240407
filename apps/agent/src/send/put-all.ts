// Puts records by requests of AWS' APIs, which may take some records of a request and refuse others: what was refused is put again, after a
// wait that doubles. What is once accepted is never put again. Pure but for what it is given.
import { SendFault, type SendEvents } from './sender.ts'

export interface PutEntry {
  readonly data: Uint8Array
  readonly partitionKey: string
}

/** What one request may have. */
export interface PutBounds {
  readonly records: number
  readonly bytes: number
}

export interface PutOptions {
  readonly bounds: PutBounds
  /** Puts entries by one request. Gives the error of each that was refused; rejects where the request fails as a whole. */
  readonly put: (
    entries: readonly PutEntry[],
    signal: AbortSignal,
  ) => Promise<readonly (string | undefined)[]>
  readonly backoff: { readonly initialMs: number; readonly maxMs: number }
  readonly events: SendEvents
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** 0 to 1, for waits that differ. */
  readonly random: () => number
  readonly signal: AbortSignal
}

/** Takes entries out of `left` as they are accepted; fulfils when it is empty. Rejects with SendFault, and `left` is what is left. */
export async function putAll(
  left: PutEntry[],
  { bounds, put, backoff, events, wait, random, signal }: PutOptions,
): Promise<void> {
  let delayMs = backoff.initialMs
  while (left.length > 0) {
    signal.throwIfAborted()
    const count = fitting(left, bounds)
    const entries = left.slice(0, count)
    const troubles = await attempt(entries, { put, events, signal })
    const refused = entries.filter((_, index) => troubles[index] !== undefined)
    left.splice(0, count, ...refused)
    const trouble = troubles.find((each) => each !== undefined)
    events.waits(trouble)
    if (trouble === undefined) {
      delayMs = backoff.initialMs
      continue
    }
    await wait(delayMs * (0.5 + random() / 2), signal)
    delayMs = Math.min(2 * delayMs, backoff.maxMs)
  }
}

/** What became of each entry: undefined, or why it is to be put again. */
async function attempt(
  entries: readonly PutEntry[],
  { put, events, signal }: Pick<PutOptions, 'put' | 'events' | 'signal'>,
): Promise<readonly (string | undefined)[]> {
  try {
    const outcome = await put(entries, signal)
    events.attempted(entries.length, outcome.filter((error) => error !== undefined).length)
    return outcome
  } catch (error) {
    if (signal.aborted) throw signal.reason
    events.attempted(entries.length, 0)
    events.failed()
    const { name, message } = error as Error
    if (isLasting(error)) throw new SendFault(`${name}: ${message}`, { cause: error })
    return entries.map(() => `${name}: ${message}`)
  }
}

/** How many of the first entries one request takes; one at least. */
function fitting(entries: readonly PutEntry[], { records, bytes }: PutBounds): number {
  let size = 0
  for (const [index, { data, partitionKey }] of entries.entries()) {
    size += data.byteLength + partitionKey.length
    if (index >= records || (index > 0 && size > bytes)) return index
  }
  return entries.length
}

/** Errors that pass by themselves: load, limits, and the network. Everything else somebody must see to. */
function isLasting(error: unknown): boolean {
  const { name, $metadata, $fault, code } = error as {
    name?: string
    code?: string
    $fault?: 'client' | 'server'
    $metadata?: { httpStatusCode?: number }
  }
  if (
    /Throttl|LimitExceeded|ThroughputExceeded|ServiceUnavailable|Timeout|TooManyRequests|InternalFailure/.test(
      name ?? '',
    )
  )
    return false
  if (name === 'CredentialsProviderError') return true
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return false
  const status = $metadata?.httpStatusCode
  return (
    $fault === 'client' ||
    (status !== undefined && status >= 400 && status < 500 && status !== 429 && status !== 408)
  )
}
