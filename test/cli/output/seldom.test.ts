// Tests that repeated messages are printed at most once per interval.
import { expect, it } from 'vitest'
import { seldom } from '../../../cli/output/seldom.ts'

it('seldom: says the first line at once, and the next one no sooner than ten seconds later', () => {
  let now = 5
  const said: string[] = []
  const say = seldom(
    (line) => said.push(line),
    () => now,
  )
  say('first')
  say('too soon')
  now += 9999
  say('still too soon')
  now += 1
  say('second')
  say('too soon again')
  expect(said).toEqual(['first', 'second'])
})
