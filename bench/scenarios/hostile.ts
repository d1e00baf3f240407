// Scenario: a broker under attack, by clients that read nothing, by crowds of idle connections, and by slow probes. It stays
// within its memory, and serves others meanwhile. Every wait has a deadline, so that a broker that hangs is a failed run.
import type { Figure } from '../report/figure.ts'
import { scenario } from '../scenario.ts'
import { measureHellos } from './hostile/hellos.ts'
import { measureNeverReaders } from './hostile/never-readers.ts'
import { measureProbes } from './hostile/probes.ts'

export const hostileScenario = scenario({
  name: 'hostile',
  doc: 'attacks: clients that read nothing, crowds that only say hello, slow connections beside probes',
  settings: {
    readers: { default: 600, doc: 'sessions that ask for a stream and never read' },
    streamMegabytes: { default: 96, doc: 'stored in the stream that they ask for' },
    hellos: { default: 10_000, doc: 'connections that say hello and nothing else' },
    addresses: { default: [1, 8], doc: 'addresses that the hellos come from' },
    newcomers: { default: 20, doc: 'clients that come when the hellos have been said' },
    slowConnections: { default: 80, doc: 'connections to the admin port that send a byte at a time' },
    probes: { default: 60, doc: 'probes beside them' },
    probeEveryMs: { default: 500, doc: 'interval of the probes' },
  },
  examples: ['', '--readers 2k', '--addresses 64 --hellos 15k'],
  async run(bench, values) {
    const parts = [await measureNeverReaders(bench, values)]
    for (const addresses of values.addresses) parts.push(await measureHellos(bench, { ...values, addresses }))
    parts.push(await measureProbes(bench, values))
    return [
      {
        scenario: 'hostile',
        figures: parts.flatMap(({ figures }): readonly Figure[] => figures),
        latencies: parts.flatMap(({ latencies }) => latencies),
        settings: { ...values },
        notes: parts.flatMap(({ notes }) => notes),
      },
    ]
  },
})
