// The verbs of registered consumers as a shell sees them.
import { connect, type Client } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { daemonCommands } from '../support/daemon-commands.ts'

const { daemon, millrace, output } = daemonCommands()

let client: Client
beforeAll(async () => {
  client = await connect(daemon().url)
  await client.createStream('clicks', { shards: 2 })
  for (const value of ['a', 'b', 'c', 'd']) await client.put('clicks', { partitionKey: value, data: value })
})
afterAll(() => client.close())

describe('consumer', () => {
  it('registers, lists, describes and deregisters, for people and for scripts', async () => {
    expect(await millrace('consumer list clicks')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('millrace consumer register clicks <name>') as string,
    })
    expect(await output('consumer register clicks dashboard')).toBe(
      'Registered dashboard. Read as it with `millrace consume clicks --consumer dashboard`.\n',
    )
    expect(JSON.parse(await output('consumer register clicks audit --json'))).toMatchObject({
      name: 'audit',
      status: 'ACTIVE',
    })
    expect(await output('consumer list clicks')).toMatch(
      /^NAME +STATUS +REGISTERED *\naudit +ACTIVE +\S+ \S+\ndashboard +ACTIVE +\S+ \S+\n$/,
    )
    expect(JSON.parse(await output('consumer list clicks --json'))).toMatchObject([
      { name: 'audit' },
      { name: 'dashboard' },
    ])
    const consumed = await output('consume clicks --consumer dashboard')
    expect(consumed.split('\n').toSorted()).toEqual(['', 'a', 'b', 'c', 'd'])
    const report = await output('consumer describe clicks dashboard')
    expect(report).toMatch(/^connected +0 of 2 shards$/m)
    expect(report).toMatch(/^behind +nothing$/m)
    expect(report).toMatch(/notConnected: Nobody is subscribed/)
    const described = JSON.parse(await output('consumer describe clicks dashboard --json')) as {
      shards: { position: number }[]
    }
    expect(described.shards.reduce((sum, { position }) => sum + position, 0)).toBe(4)
    expect(await output('consumer deregister clicks dashboard --yes')).toBe('Deregistered dashboard.\n')
  })

  it('names what does not exist, and what exists already', async () => {
    expect(await millrace('consumer describe clicks ghost')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('Stream clicks has no consumer called ghost.') as string,
    })
    expect(await millrace('consumer deregister clicks ghost')).toMatchObject({ code: 4 })
    expect(await millrace('consumer register views dashboard')).toMatchObject({ code: 4 })
    await output('consumer register clicks twice')
    expect(await millrace('consumer register clicks twice')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has a consumer called twice already') as string,
    })
    expect(await millrace('consumer register clicks a/b')).toMatchObject({ code: 2 })
    expect(await millrace('consume clicks --consumer ghost --follow')).toMatchObject({ code: 4 })
  })
})
