// `import aws` and `export aws` as a shell sees them, with a Kinesis endpoint on a broker of its own.
import { createKinesisEndpoint, type KinesisEndpoint } from '@millrace/kinesis'
import type { exportToAws, ExportTask, importFromAws, ImportTask } from '@millrace/kinesis/migration'
import { connect } from 'millrace'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { loadMigration, type MigrationModule } from '../../../../cli/verbs/aws/migration-module.ts'
import { daemonCommands } from '../../support/daemon-commands.ts'

const { daemon, millrace, output } = daemonCommands()

let endpoint: KinesisEndpoint
beforeAll(async () => {
  endpoint = await createKinesisEndpoint({ port: 0 })
  await using native = await connect(endpoint.brokerUrl)
  await native.createStream('clicks', { shards: 2 })
  for (const value of ['a', 'b', 'c', 'd']) await native.put('clicks', { partitionKey: value, data: value })
})
afterAll(() => endpoint.close())

describe('import aws and export aws', () => {
  it('copy a stream, go on from where they were, and copy it back', async () => {
    const imported = await millrace(`import aws --endpoint ${endpoint.url} --stream clicks --to copied`)
    expect(imported).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Made copied. Copied 4 records (4 B) into copied.\n') as string,
    })
    expect((await output('consume copied')).split('\n').toSorted()).toEqual(['', 'a', 'b', 'c', 'd'])
    const again = await output(`import aws --endpoint ${endpoint.url} --stream clicks --to copied --json`)
    expect(JSON.parse(again)).toMatchObject({ records: 0, isResumed: true })
    const exported = await output(`export aws --from copied --endpoint ${endpoint.url} --stream back --json`)
    expect(JSON.parse(exported)).toMatchObject({ records: 4, isTargetMade: true })
  })

  it('say what is not there, by their exit codes', async () => {
    expect(await millrace(`import aws --endpoint ${endpoint.url} --stream ghost --to copied`)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(
        'millrace: Kinesis: Stream ghost under account 000000000000 not found.',
      ) as string,
    })
    expect(
      await millrace(`export aws --from ghost --endpoint ${endpoint.url} --stream clicks`),
    ).toMatchObject({ code: 4 })
    expect(await millrace('import aws --stream clicks')).toMatchObject({ code: 2 })
    expect(
      await millrace(`import aws --endpoint ${endpoint.url} --stream clicks --to x --start 7`),
    ).toMatchObject({ code: 2 })
  })

  it('are served by the module of the app, whose types are what they expect', async () => {
    expect(Object.keys(await loadMigration())).toEqual(
      expect.arrayContaining(['importFromAws', 'exportToAws']),
    )
    expectTypeOf<Parameters<MigrationModule['importFromAws']>[1]>().toExtend<ImportTask>()
    expectTypeOf<ReturnType<typeof importFromAws>>().toExtend<ReturnType<MigrationModule['importFromAws']>>()
    expectTypeOf<Parameters<MigrationModule['exportToAws']>[1]>().toExtend<ExportTask>()
    expectTypeOf<ReturnType<typeof exportToAws>>().toExtend<ReturnType<MigrationModule['exportToAws']>>()
    const missing = () =>
      loadMigration(() => {
        throw new Error('not there')
      })
    await expect(missing()).rejects.toThrow('The app kinesis is not installed here')
    expect(daemon().url).not.toBe(endpoint.brokerUrl)
  })
})
