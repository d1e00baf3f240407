// The names of the channels are part of the interface, and the page names each of them.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { producerChannels } from '../../../../client/producer/telemetry/channels.ts'

it('the channels of a producer: stand on the page of producers, with no other beside them', () => {
  const page = readFileSync(new URL('../../../../docs/producer.md', import.meta.url), 'utf8')
  const named = [...page.matchAll(/^\| `(millrace:[\w:-]+)`/gm)].map((match) => match[1]!)
  expect(named.toSorted()).toEqual(Object.values(producerChannels).toSorted())
})
