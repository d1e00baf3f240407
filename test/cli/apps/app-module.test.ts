// Apps as verbs run them: each keeps the promise of its module, and one that is not installed is named.
import { expect, expectTypeOf, it } from 'vitest'
import type * as kinesis from '../../../apps/kinesis/src/app.ts'
import type { Command } from 'commander'
import { appNames, appTable } from '../../../broker/config/apps/app-table.ts'
import { loadApp, type AppModule } from '../../../cli/apps/app-module.ts'
import { reportFailure } from '../../../cli/failure.ts'
import { createProgram } from '../../../cli/program.ts'
import { processTerminal } from '../../../cli/terminal.ts'

it('the app kinesis has what a verb calls', () => {
  expectTypeOf<typeof kinesis>().toExtend<AppModule>()
})

it('every app has its verb', () => {
  const missing = appNames.filter((app) => {
    const words = appTable[app].verb.split(' ')
    const program: Command = createProgram(processTerminal(), '0.0.0')
    const find = (at: Command | undefined, word: string) => at?.commands.find((verb) => verb.name() === word)
    return words.reduce<Command | undefined>(find, program) === undefined
  })
  expect(missing).toEqual([])
})

it('an app that is not installed is refused with what to do', async () => {
  const missing = (): never => {
    throw new Error("Cannot find package '@millrace/kinesis'")
  }
  await expect(loadApp('kinesis', missing)).rejects.toMatchObject({
    message: expect.stringMatching(
      /^The app kinesis is not installed here: install the package @millrace\/kinesis beside millrace/,
    ) as string,
    exit: 'usage',
  })
})

it('an app whose built files are missing is refused with what to do', async () => {
  const unbuilt = () => `${import.meta.url}-that-is-not-there.js`
  const error: unknown = await loadApp('functions', unbuilt).catch((thrown: unknown) => thrown)
  expect(reportFailure(error)).toEqual({
    message: expect.stringMatching(
      /^The app functions is installed here, and files of it are missing: .*@millrace\/functions.*npm run build/,
    ) as string,
    exit: 'usage',
  })
})
