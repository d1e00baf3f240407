// How the program of an app is found.
import { expect, it } from 'vitest'
import { installedApp } from '../../../../broker/control/apps/app-program.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'

it('an app is the entry main of its package', () => {
  expect(installedApp('kinesis', (name) => `file:///packages/${name}.js`)).toBe(
    'file:///packages/@millrace/kinesis/main.js',
  )
})

it('an app that is not installed is refused with what to do', () => {
  const missing = (): never => {
    throw new Error("Cannot find package '@millrace/kinesis'")
  }
  const find = (): string => installedApp('kinesis', missing)
  expect(find).toThrow(MillraceError)
  expect(find).toThrow(
    /The app kinesis is not installed here: install the package @millrace\/kinesis beside millrace/,
  )
})
