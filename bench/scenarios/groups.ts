// Scenario: consumer groups, at full speed, saving checkpoints, idle, and while members come and go. Every wait has a deadline.
import { scenario } from '../scenario.ts'
import { measureCheckpoints } from './groups/checkpoints.ts'
import { measureConsumption } from './groups/consumption.ts'
import { measureHandOver } from './groups/hand-over.ts'
import { measureIdleMembers } from './groups/idle-members.ts'
import { measureScale } from './groups/scale.ts'
import { measureTakeOver } from './groups/take-over.ts'

export const groupsScenario = scenario({
  name: 'groups',
  doc: 'consumer groups: processing at full speed, checkpoints, idle members, large groups, take-over and hand-over',
  settings: {
    recordBytes: { default: 100, doc: 'data of each record that is processed' },
    megabytes: { default: 200, doc: 'stored before they are processed' },
    shards: { default: 4, doc: 'shards of the stream that is processed' },
    checkpointShards: { default: 256, doc: 'shards in which checkpoints are stored' },
    checkpointMembers: { default: 8, doc: 'members that store them' },
    checkpointRecords: { default: 1_000_000, doc: 'records in these shards' },
    idleMembers: { default: 1000, doc: 'members that have nothing to do' },
    idleGroups: { default: [1, 10], doc: 'groups that they are members of' },
    scaleShards: { default: 1000, doc: 'shards of a large group' },
    scaleMembers: { default: 100, doc: 'its members' },
    scaleGroups: { default: 200, doc: 'groups of one stream and two members each' },
    leaseMs: { default: 10_000, doc: 'lease of the members that come and go' },
    movingShards: { default: 4, doc: 'shards that they take from each other' },
    movingPerSecond: { default: 1000, doc: 'records that come in meanwhile' },
    takeOvers: { default: 2, doc: 'members that are killed' },
    handOvers: { default: 4, doc: 'members that are replaced' },
  },
  examples: ['', '--record-bytes 1Ki', '--idle-members 4k --idle-groups 40', '--lease-ms 2k --take-overs 10'],
  async run(bench, values) {
    const parts = [await measureConsumption(bench, values), await measureCheckpoints(bench, values)]
    for (const idleGroups of values.idleGroups)
      parts.push(await measureIdleMembers(bench, { ...values, idleGroups }))
    parts.push(await measureScale(bench, values))
    parts.push(await measureTakeOver(bench, values), await measureHandOver(bench, values))
    return [
      {
        scenario: 'groups',
        figures: parts.flatMap(({ figures }) => figures),
        latencies: parts.flatMap(({ latencies }) => latencies),
        settings: { ...values, seconds: bench.seconds },
        notes: parts.flatMap(({ notes }) => notes),
      },
    ]
  },
})
