// Thresholds of a load test: how they are written, what they decide, and the sentence for one that does not hold.
import { describe, expect, it } from 'vitest'
import { judge, parseThreshold, unmeasured } from '../../../cli/load-test/thresholds.ts'
import { loadPlan, loadResult } from './support/loads.ts'

const decide = (text: string, result = loadResult(), plan = loadPlan()) =>
  judge(parseThreshold(text), result, plan)

describe('thresholds', () => {
  it.each([
    ['ack.p99<20ms', true],
    ['ack.p99 <= 3ms', true],
    ['ack.p99<3ms', false],
    ['ack.p99.9<0.5s', true],
    ['ack.p50>0.9ms', true],
    ['e2e.mean<1s', true],
    ['delay.max<1h', true],
    ['rate>=990', true],
    ['rate>=99%', true],
    ['rate>=100%', false],
    ['rate>1000', false],
    ['errors=0', false],
    ['errors<=2', true],
    ['errors<1%', true],
    ['errors<0.01%', false],
    ['lag<13', true],
    ['loop<50%', true],
    ['loop<40%', false],
  ])('%s: %s', (text, holds) => {
    expect(decide(text).holds).toBe(holds)
  })

  it.each([
    ['ack.p99<2ms', 'ack.p99 is 3 ms, and was expected below 2 ms.'],
    ['rate>=100%', 'rate is 995/s, and was expected at least 100 % of 1,000/s.'],
    ['rate>2000', 'rate is 995/s, and was expected above 2,000/s.'],
    ['errors=0', 'errors is 2, and was expected to be 0.'],
    ['loop<=10%', 'loop is 42 %, and was expected at most 10 %.'],
  ])('%s: %s', (text, sentence) => {
    expect(decide(text).sentence).toBe(sentence)
  })

  it('of which nothing was measured does not hold', () => {
    expect(decide('ack.p99<20ms', loadResult({ ack: undefined }))).toMatchObject({
      holds: false,
      sentence: 'ack.p99 was not measured: no record came so far.',
    })
  })

  it.each([
    ['ack.p99', 'Expected a figure'],
    ['<20ms', 'Expected a figure'],
    ['ack.p98<20ms', 'Expected ack. with one of p50, p90, p99, p99.9, mean, max.'],
    ['ack<20ms', 'Expected ack. with one of'],
    ['ack.count<20ms', 'Expected ack. with one of'],
    ['ack.p99<20', 'Expected a duration such as'],
    ['speed>3', 'There is no figure speed: there are ack|e2e|group|delay'],
    ['toString>3', 'There is no figure toString'],
    ['rate>fast', 'Expected a number or a percentage for rate, not fast.'],
    ['lag<5%', 'Expected a number for lag, not 5%.'],
    ['loop<5', 'Expected a percentage for loop, not 5.'],
    ['rate=>5', 'Expected'],
  ])('%s is refused with what to write', (text, message) => {
    expect(() => parseThreshold(text)).toThrow(message)
  })

  it('say what they need of the plan', () => {
    const missing = (text: string, plan = loadPlan({ consumers: 0 })) =>
      unmeasured(parseThreshold(text), plan)
    expect(missing('e2e.p50<1s')).toBe('e2e.p50 needs --consumers of 1 or more.')
    expect(missing('group.p50<1s')).toBe('group.p50 needs --groups of 1 or more.')
    expect(missing('rate>90%', loadPlan({ rate: 'max' }))).toContain('needs a --rate or a --ramp')
    expect(missing('rate>90', loadPlan({ rate: 'max' }))).toBeUndefined()
    expect(missing('ack.p50<1s')).toBeUndefined()
  })
})
