// A process that runs a consumer group over the small rows of a directory until it is killed. Its members join, share the
// shards, checkpoint and leave, all at once. It prints what it is told, when it is told: `lease SHARD EPOCH OWNER` and
// `saved SHARD EPOCH NEXT`. Usage: node victim.mjs <directory> <round>
import { writeSync } from 'node:fs'
import { OrderedMap } from '#dist/broker/catalog/ordered-map.js'
import { Groups } from '#dist/broker/control/groups/groups.js'
import { openSmallRows } from '#dist/broker/storage/small-rows/store.js'
import { createTelemetry } from '#dist/broker/telemetry/instruments.js'
import { silentLog } from '#dist/broker/telemetry/log.js'
import { systemTime } from '#dist/broker/time.js'

const [directory, round] = process.argv.slice(2)
const SHARDS = 40
const MEMBERS = 5

const store = await openSmallRows(directory, {
  onBroken: (error) => {
    throw error
  },
})
let shards = OrderedMap.empty()
for (let index = 0; index < SHARDS; index++) {
  const lineage = { streamId: 1, index, parents: [], state: 'OPEN' }
  shards = shards.set(index, { ...lineage, startingSequenceNumber: 0, endingSequenceNumber: null })
}
const state = {
  streams: new Map([[1, { id: 1, name: 's', status: 'ACTIVE' }]]),
  streamIdByName: new Map([['s', 1]]),
  shards: new Map([[1, shards]]),
}
const { instruments } = createTelemetry('controller', { withProcess: false })
const rim = { time: systemTime, instruments, log: silentLog() }
const groups = new Groups({ store, catalog: { state }, ...rim, graceMs: 0 })
groups.start()

/** Writes synchronously: every line that the parent reads was told before the kill. A full pipe is tried again. */
function print(lines) {
  let bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

/** Joins, reads what it is given for a while, and leaves; again and again, as a new process each time. */
async function live(name) {
  for (let life = 0; ; life++) {
    const claim = { memberId: name, secretHash: `${name}-${round}-${life}` }
    const from = { type: 'TRIM_HORIZON', timestamp: undefined }
    const join = {
      type: 'join',
      ...claim,
      leaseMs: 1_000,
      streams: [{ name: 's', from }],
      address: '',
      life: undefined,
      pins: new Map(),
    }
    if ((await groups.tell('g', join)).is !== 'joined') {
      // A member of a killed process has the name until its lease ends: the next one takes another.
      name = `${name}+`
      continue
    }
    for (let turn = 0; turn < 30; turn++) await work(claim)
    await groups.tell('g', { type: 'leave', ...claim })
  }
}

async function work(claim) {
  const group = await groups.stateOf('g')
  const number = group.members.get(claim.memberId)?.number
  const leases = [...group.streams.get('s').leases.values()].filter(({ owner }) => owner === claim.memberId)
  print(leases.map(({ shardIndex, epoch }) => `lease ${shardIndex} ${epoch} ${claim.memberId}#${number}`))
  const checkpoints = leases.map(({ shardIndex, epoch, next = 0 }) => {
    return { streamId: 1, shardIndex, epoch, next: next + 1, isEnd: false, tail: next + 1 }
  })
  const answer = await groups.tell('g', { type: 'saveCheckpoints', ...claim, checkpoints })
  const results = answer.is === 'checkpoints' ? answer.results : []
  const saved = checkpoints.filter(
    (_, place) => results[place] !== undefined && results[place].code === undefined,
  )
  print(saved.map(({ shardIndex, epoch, next }) => `saved ${shardIndex} ${epoch} ${next}`))
  const released = leases
    .filter(({ isRevoked }) => isRevoked)
    .map(({ shardIndex, epoch }) => ({ streamId: 1, shardIndex, epoch }))
  await groups.tell('g', { type: 'sync', ...claim, address: '', reports: [], released })
}

await Promise.all(Array.from({ length: MEMBERS }, (_, place) => live(`m${place}`)))
