// Finds the program of an app. Runs in the controller.
import { fileURLToPath } from 'node:url'
import { refusal } from '../../../protocol/refusal.ts'
import { appTable, type AppName } from '../../config/apps/app-table.ts'
import { appEnvironment } from '../../config/environment.ts'
import type { Program } from '../../supervision/program.ts'

/** Returns the url of an app's program. Throws where the app is not installed. */
export type FindApp = (app: AppName) => string

/** Finds an app as Node finds a package from here. Throws `unavailable`, with what to do, where it is not installed. */
export function installedApp(
  app: AppName,
  resolve = (name: string): string => import.meta.resolve(name),
): string {
  const { package: name } = appTable[app]
  try {
    return resolve(`${name}/main`)
  } catch (cause) {
    const message = `The app ${app} is not installed here: install the package ${name} beside millrace, in the same version.`
    throw refusal('unavailable', message, { cause })
  }
}

/** Returns how an app is started as a process. */
export function programOfApp(app: AppName, find: FindApp): Program {
  return {
    command: process.execPath,
    // `app-kinesis` serves only to recognise the process in a process list.
    args: [...process.execArgv, fileURLToPath(find(app)), `app-${app}`],
    env: appEnvironment(),
  }
}
