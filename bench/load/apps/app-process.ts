// Load: not a load, but an app in a process of its own, as `serve --with` runs it. It reports its process id, and serves until it is
// stopped. Runs in a load process.
import { once } from 'node:events'
import type { LoadControl } from '../job.ts'

export interface AppSettings {
  readonly app: 'delivery' | 'functions' | 'analytics'
  readonly url: string
  /** Those of the app's section of the table of options. */
  readonly options: Readonly<Record<string, string | number>>
}

/** What is needed of an app. Apps are compiled after the bench, so that their own types are not there yet. */
interface App {
  serveApp(
    task: { readonly broker: { readonly url: string }; readonly options: AppSettings['options'] },
    tell: (entry: { readonly level?: string; readonly message?: string; readonly fields?: unknown }) => void,
  ): Promise<{ close(): Promise<void> }>
}

export async function runApp({ app, url, options }: AppSettings, control: LoadControl): Promise<null> {
  const { serveApp } = (await import(`@millrace/${app}/app`)) as App
  const serving = await serveApp({ broker: { url }, options }, ({ level, message, fields }) => {
    if (level === 'warn') control.say(`  ${app}: ${message} ${JSON.stringify(fields ?? {})}`)
  })
  control.ready(process.pid)
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  await serving.close()
  return null
}
