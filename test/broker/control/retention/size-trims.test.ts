// The bound in bytes over several hosts: nothing is trimmed within the bound, the oldest records go first on whichever host,
// no more than needed, and unknown bytes never cause a trim.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  planSizeTrims,
  type HostedPart,
  type SizeTrim,
} from '../../../../broker/control/retention/size-trims.ts'

interface ModelSpan {
  readonly shardIndex: number
  readonly from: number
  readonly next: number
  readonly lastArrival: number
  readonly bytes: number
}

/** What one host really holds, and what it reports. */
interface ModelHost {
  readonly spans: readonly ModelSpan[]
  readonly activeBytes: number
  /** Whether the host answers, and how many of its spans are surveyed, the oldest first. */
  readonly answers: boolean
  readonly surveyed: number
  /** Most spans in one answer. */
  readonly spansMax: number
}

const modelHost = (hostIndex: number): fc.Arbitrary<ModelHost> =>
  fc
    .record({
      shards: fc.array(
        fc.array(
          fc.record({
            count: fc.integer({ min: 1, max: 50 }),
            pause: fc.nat(9),
            bytes: fc.integer({ min: 50, max: 5000 }),
          }),
          { maxLength: 5 },
        ),
        { maxLength: 4 },
      ),
      activeBytes: fc.nat(4000),
      answers: fc.boolean(),
      surveyed: fc.oneof(fc.constant(Infinity), fc.nat(6)),
      spansMax: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 6 })),
    })
    .map(({ shards, ...rest }) => ({
      ...rest,
      spans: shards.flatMap((spans, shard) => {
        let next = shard * 1000
        let lastArrival = 0
        return spans.map(({ count, pause, bytes }) => {
          const from = next
          next += count
          lastArrival += pause
          return { shardIndex: hostIndex * 10 + shard, from, next, lastArrival, bytes }
        })
      }),
    }))

const modelHosts = fc
  .integer({ min: 1, max: 4 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, i) => modelHost(i))))
const bound = fc.integer({ min: 1, max: 40_000 })

function answerOf({ spans, activeBytes, surveyed, spansMax }: ModelHost, hostId: number): HostedPart {
  const known = spans.slice(0, surveyed)
  const oldest = known.toSorted((a, b) => a.lastArrival - b.lastArrival)
  const given = oldest.slice(0, spansMax)
  return {
    hostId,
    bytes: activeBytes + sum(known),
    spans: Float64Array.from(
      given.flatMap(({ shardIndex, from, next, lastArrival, bytes }) => [
        shardIndex,
        from,
        next,
        lastArrival,
        bytes,
      ]),
    ),
    completeTo: given.length === oldest.length ? Infinity : given.at(-1)!.lastArrival,
  }
}

const answersOf = (hosts: readonly ModelHost[]): HostedPart[] =>
  hosts.flatMap((host, i) => (host.answers ? [answerOf(host, i + 1)] : []))

const sum = (spans: readonly ModelSpan[]): number => spans.reduce((total, { bytes }) => total + bytes, 0)
const storedBy = (hosts: readonly ModelHost[]): number =>
  hosts.reduce((total, { spans, activeBytes }) => total + activeBytes + sum(spans), 0)

/** Returns the spans that are left after the trims. */
function leftOf(spans: readonly ModelSpan[], trims: readonly SizeTrim[]): readonly ModelSpan[] {
  const horizons = new Map(trims.map(({ shardIndex, trimHorizon }) => [shardIndex, trimHorizon]))
  return spans.flatMap((span) => {
    const from = Math.max(span.from, horizons.get(span.shardIndex) ?? 0)
    const bytes = (span.bytes * (span.next - from)) / (span.next - span.from)
    return from < span.next ? [{ ...span, from, bytes }] : []
  })
}

function afterTrims(hosts: readonly ModelHost[], trims: readonly SizeTrim[]): ModelHost[] {
  return hosts.map((host, i) => ({
    ...host,
    spans: leftOf(
      host.spans,
      trims.filter(({ hostId }) => hostId === i + 1),
    ),
  }))
}

describe('planSizeTrims', () => {
  it('never trims below the bound, whatever is known, but for less than a byte of rounding', () => {
    fc.assert(
      fc.property(modelHosts, bound, (hosts, retentionBytes) => {
        const trims = planSizeTrims(retentionBytes, answersOf(hosts))
        const before = storedBy(hosts)
        if (before <= retentionBytes) expect(trims).toEqual([])
        expect(storedBy(afterTrims(hosts, trims))).toBeGreaterThan(Math.min(before, retentionBytes) - 1)
      }),
      { numRuns: 5000 },
    )
  })

  it('reaches the bound, as far as sealed segments allow, once all hosts answer in full', () => {
    fc.assert(
      fc.property(modelHosts, bound, (hosts, retentionBytes) => {
        const known = hosts.map((host) => ({
          ...host,
          answers: true,
          surveyed: Infinity,
          spansMax: Infinity,
        }))
        const trims = planSizeTrims(retentionBytes, answersOf(known))
        const spans = known.flatMap((host) => host.spans)
        const activeBytes = storedBy(known) - sum(spans)
        const perNumber = Math.max(0, ...spans.map(({ bytes, from, next }) => bytes / (next - from)))
        const left = storedBy(afterTrims(known, trims))
        expect(left).toBeLessThanOrEqual(Math.max(retentionBytes, activeBytes) + perNumber + 1)
      }),
      { numRuns: 5000 },
    )
  })

  it('ends at the same horizons, however often hosts report only a part in one answer', () => {
    fc.assert(
      fc.property(modelHosts, bound, (hosts, retentionBytes) => {
        const whole = hosts.map((host) => ({
          ...host,
          answers: true,
          surveyed: Infinity,
          spansMax: Infinity,
        }))
        const once = afterTrims(whole, planSizeTrims(retentionBytes, answersOf(whole)))
        let steps = hosts.map((host) => ({ ...host, answers: true, surveyed: Infinity }))
        for (let i = 0; i < 100; i++) {
          const trims = planSizeTrims(retentionBytes, answersOf(steps))
          if (trims.length === 0) break
          steps = afterTrims(steps, trims).map((host) => ({ ...host, answers: true, surveyed: Infinity }))
        }
        expect(Math.abs(storedBy(steps) - storedBy(once))).toBeLessThanOrEqual(5000)
      }),
      { numRuns: 1000 },
    )
  })

  it('trims the oldest records first, whichever host holds them', () => {
    fc.assert(
      fc.property(modelHosts, bound, (hosts, retentionBytes) => {
        const answering = hosts.map((host) => ({ ...host, answers: true, surveyed: Infinity }))
        const trims = planSizeTrims(retentionBytes, answersOf(answering))
        const horizons = new Map(trims.map(({ shardIndex, trimHorizon }) => [shardIndex, trimHorizon]))
        const spans = answering.flatMap((host) => host.spans)
        const isTouched = ({ shardIndex, from }: ModelSpan): boolean => (horizons.get(shardIndex) ?? 0) > from
        const newestTouched = Math.max(-1, ...spans.filter(isTouched).map(({ lastArrival }) => lastArrival))
        for (const span of spans) {
          if (!isTouched(span)) expect(span.lastArrival).toBeGreaterThanOrEqual(newestTouched)
        }
        expect(trims.filter(({ isEstimate }) => isEstimate).length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 2000 },
    )
  })

  it('trims a cold shard of one host before a hot shard of another that holds nearly all of the bytes', () => {
    const cold = { hostId: 1, bytes: 100, spans: Float64Array.of(0, 0, 10, 1000, 100), completeTo: Infinity }
    const hot = { hostId: 2, bytes: 900, spans: Float64Array.of(1, 0, 90, 2000, 900), completeTo: Infinity }
    expect(planSizeTrims(1000, [hot, cold])).toEqual([])
    expect(planSizeTrims(900, [hot, cold])).toEqual([
      { hostId: 1, shardIndex: 0, trimHorizon: 10, isEstimate: false },
    ])
    expect(planSizeTrims(890, [hot, cold]).at(-1)).toEqual({
      hostId: 2,
      shardIndex: 1,
      trimHorizon: 1,
      isEstimate: true,
    })
  })
})
