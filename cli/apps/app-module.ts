// An app as a verb runs it, in its own process: found as an installed package, and loaded when the verb is chosen. The types are the
// app's promise to the command line; a test holds each app to them.
import type { ServeApp } from '../../client/app-process/index.ts'
import { appTable, type AppName } from '../../broker/config/apps/app-table.ts'
import { Failure } from '../failure.ts'

/** The module `app` of an app's package. */
export interface AppModule {
  readonly serveApp: ServeApp
}

/** Loads an app. Throws Failure with what to do where it is not installed. */
export async function loadApp(app: AppName, resolve?: ResolvePackage): Promise<AppModule> {
  return (await import(appModuleUrl(app, 'app', resolve))) as AppModule
}

type ResolvePackage = (name: string) => string

/** Where a module of an app's package is. Throws Failure with what to do where the app is not installed. */
export function appModuleUrl(
  app: AppName,
  module: string,
  resolve: ResolvePackage = (name) => import.meta.resolve(name),
): string {
  const { package: name } = appTable[app]
  try {
    return resolve(`${name}/${module}`)
  } catch (cause) {
    const message = `The app ${app} is not installed here: install the package ${name} beside millrace, in the same version.`
    throw new Failure(message, 'failed', { cause })
  }
}
