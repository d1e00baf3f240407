// The table of a stream's settings, and that each entry reaches every place that derives from it: what travels, what is
// stored, what is told, and the command line.
import { checkChanges } from '../../client/options/check.ts'
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { catalogFamilies } from '../../broker/catalog/families.ts'
import {
  isSameSettings,
  isServedAlike,
  newSettings,
  servedSettings,
  settingsOf,
  updatedSettings,
} from '../../broker/control/streams/stream-settings.ts'
import { addSettingsFlags, settingsOf as settingsOfFlags } from '../../cli/stream-settings.ts'
import { streamReport } from '../../cli/output/stream-report.ts'
import { settingsRequest } from '../../client/streams/capacity.ts'
import { streamOf } from '../../client/streams/descriptions.ts'
import { fromWire, toWire } from '../../protocol/frame/codec.ts'
import { operations, type RequestOf } from '../../protocol/operations.ts'
import type { Field } from '../../protocol/shapes.ts'
import {
  settingDefaults,
  settingNames,
  streamSettings,
  streamShape,
  type SettingName,
  type StreamSetting,
  type StreamSettings,
} from '../../protocol/stream-settings.ts'
import { fail } from '../support/fail.ts'
import { unsaid } from '../support/requests.ts'
import { streamRow } from '../support/catalog-rows.ts'

/** Fields of a description in the first version of the protocol. */
const FIRST_FIELDS = 12

const brokerDefaults = { onDemandShards: 4, targetBytesPerSecond: 4_000_000, targetRecordsPerSecond: 40_000 }
const { settings: ofNew } = newSettings({ name: 's', shardCount: 1, ...unsaid }, brokerDefaults, fail)

/** A value of a setting that is another one than `before`. */
function anotherOf(name: SettingName, before: unknown): unknown {
  const { field, bounds }: StreamSetting = streamSettings[name]
  if (bounds === undefined) return another(field, before)
  return before === bounds.max ? bounds.min : bounds.max
}

/** A value of a field that is another one than `before`. */
function another(field: Field, before: unknown): unknown {
  if (field.kind === 'uint') return (before as number) + 3_600_000
  if (field.kind === 'boolean') return before !== true
  if (field.kind === 'choice') return field.values.find((value) => value !== before)
  if (field.kind === 'struct') {
    const fields = Object.entries(field.shape)
    // Of bounds the upper ones are raised, so that what is asked holds together.
    const raised = fields.filter(([name]) => !name.endsWith('Min'))
    const old = before as Record<string, number>
    const of = (name: string, part: Field): unknown =>
      name.endsWith('Max') ? old[name]! + 1 : another(part, old[name])
    return { ...old, ...Object.fromEntries(raised.map(([name, part]) => [name, of(name, part)])) }
  }
  throw new Error(`no other value of a ${field.kind} is known here`)
}

/** A request as the broker gets it. */
function received<N extends 'createStream' | 'updateStream'>(operation: N, request: object): RequestOf<N> {
  const { request: shape } = operations[operation]
  return fromWire(shape, toWire(shape, { name: 's', shardCount: 1, ...request } as never))
}

describe('the table of stream settings', () => {
  const text = readFileSync(new URL('../../protocol/stream-settings.ts', import.meta.url), 'utf8')

  it.each(settingNames)('%s: an editor shows the sentence that the pages print', (name) => {
    const comment = new RegExp(String.raw`/\*\* (.*) \*/\n  ${name}: \{`).exec(text)?.[1]
    expect(comment).toBe(streamSettings[name].field.doc)
  })

  it.each(settingNames)('%s: is asked for, told, stored and has a flag', (name) => {
    expect(operations.createStream.request).toHaveProperty(name)
    expect(streamShape).toHaveProperty(name)
    expect(catalogFamilies.stream.value.entries).toHaveProperty(name)
    const { flag, flags, changes }: StreamSetting = streamSettings[name]
    expect(Object.keys(operations.updateStream.request).includes(name)).toBe(changes)
    const help = addSettingsFlags(new Command('create')).helpInformation()
    for (const { name: flagName } of flag === undefined ? Object.values(flags ?? {}) : [flag]) {
      expect(help).toContain(`--${flagName} <`)
    }
  })

  it.each(settingNames)('%s: a value goes from a client to the row and back', (name) => {
    const wanted = anotherOf(name, ofNew[name])
    const request = received('createStream', settingsRequest({ [name]: wanted }))
    const { settings } = newSettings(request, brokerDefaults, fail)
    expect(settings).toEqual({ ...ofNew, [name]: wanted })
    const { value } = streamRow(1, settings)
    const stored = v.parse(catalogFamilies.stream.value, JSON.parse(JSON.stringify(value)))
    const told = { ...fromWire(streamShape, toWire(streamShape, { ...described, ...settingsOf(stored) })) }
    expect(streamOf(told)[name]).toEqual(wanted)
  })

  it.each(settingNames)(
    '%s: a change of it alone is a change, and hosts are told where they keep to it',
    (name) => {
      const wanted = anotherOf(name, ofNew[name])
      const asked = settingsRequest({ [name]: wanted })
      const changed: StreamSettings = { ...ofNew, [name]: wanted }
      const { changes, served } = streamSettings[name]
      if (changes) expect(updatedSettings(ofNew, received('updateStream', asked))).toEqual(changed)
      expect(isSameSettings(ofNew, { ...ofNew })).toBe(true)
      expect(isSameSettings(ofNew, changed)).toBe(false)
      expect(isServedAlike(servedSettings(ofNew), servedSettings(changed))).toBe(!served)
      expect(name in servedSettings(ofNew)).toBe(served)
    },
  )

  it('a setting left out has the default of the table, and is not sent', () => {
    expect(ofNew).toMatchObject(settingDefaults)
    expect(settingsRequest({})).toEqual(unsaid)
  })

  it('a description by a broker that does not know later settings has their defaults', () => {
    const wire = toWire(streamShape, { ...described, ...ofNew }).slice(0, FIRST_FIELDS)
    const { name, ...told } = fromWire(streamShape, wire)
    expect(name).toBe('s')
    expect(settingsOf(told)).toEqual(ofNew)
  })

  it('settings keep their places on the wire; later ones come last', () => {
    expect(Object.keys(operations.createStream.request).slice(0, 7)).toEqual([
      'name',
      'shardCount',
      'retentionMs',
      'retentionBytes',
      'mode',
      'shardLimits',
      'scaling',
    ])
    expect(Object.keys(streamShape).slice(0, FIRST_FIELDS)).toEqual([
      'name',
      'id',
      'status',
      'openShardCount',
      'retentionMs',
      'createdAt',
      'retentionBytes',
      'mode',
      'shardLimits',
      'scaling',
      'targetShardCount',
      'epoch',
    ])
  })

  it('the report of a stream has a line for each setting that has no place of its own', () => {
    const report = streamReport(streamOf({ ...described, ...ofNew }), { columns: 80 })
    const placed: readonly SettingName[] = ['mode', 'scaling', 'shardLimits', 'retentionMs', 'retentionBytes']
    for (const name of settingNames.filter((one) => !placed.includes(one))) {
      const { flag }: StreamSetting = streamSettings[name]
      expect(report).toContain(flag?.name.replaceAll('-', ' ') ?? name)
    }
  })

  it('a field that a structure does not have is refused by name', () => {
    const misspelt = { shardLimits: { writeBytesPerSeconds: 1 } }
    expect(() => checkChanges(misspelt)).toThrow('There is no option shardLimits.writeBytesPerSeconds')
    expect(() => checkChanges({ scaling: 'kinesis' })).toThrow('scaling is "kinesis"; it must be an object')
  })

  it('flags give what the client takes, and nothing that was not given', () => {
    const command = addSettingsFlags(new Command('create'))
    const flags = '--retention 2h --mode on-demand --limits write-bytes=1MiB,reads=5 --min-shards 2'
    command.parse(flags.split(' '), { from: 'user' })
    expect(settingsOfFlags(command.opts())).toEqual({
      retentionMs: 7_200_000,
      mode: 'on-demand',
      shardLimits: { writeBytesPerSecond: 1024 * 1024, readsPerSecond: 5 },
      scaling: { shardsMin: 2 },
    })
    expect(settingsOfFlags({})).toEqual({})
  })
})

/** A stream as the controller tells of it. */
const described = {
  name: 's',
  id: 1,
  status: 'ACTIVE',
  openShardCount: 1,
  createdAt: 0,
  targetShardCount: undefined,
  epoch: 1,
  ...settingsOf(ofNew),
} as const
