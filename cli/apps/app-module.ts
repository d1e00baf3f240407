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
  return importAppModule<AppModule>(app, 'app', resolve)
}

type ResolvePackage = (name: string) => string

/** Loads a module of an app's package. Throws Failure with what to do where the app or what it is built into is missing. */
export async function importAppModule<M>(
  app: AppName,
  module: string,
  resolve: ResolvePackage = (name) => import.meta.resolve(name),
): Promise<M> {
  const url = moduleUrl(app, module, resolve)
  try {
    return (await import(url)) as M
  } catch (cause) {
    // Also a dependency of the app may be missing; whatever else its modules throw is a defect of theirs.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause
    const { package: name } = appTable[app]
    const message =
      `The app ${app} is installed here, and files of it are missing: install the package ${name} again, in the version of ` +
      'millrace, or run `npm run build` where millrace is built from its sources.'
    throw new Failure(message, 'usage', { cause })
  }
}

function moduleUrl(app: AppName, module: string, resolve: ResolvePackage): string {
  const { package: name } = appTable[app]
  try {
    return resolve(`${name}/${module}`)
  } catch (cause) {
    const message =
      `The app ${app} is not installed here: install the package ${name} beside millrace, in the same version ` +
      `(\`npm install ${name}\`).`
    throw new Failure(message, 'usage', { cause })
  }
}
