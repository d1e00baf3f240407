// Load: not a load, but the Kinesis API in a process of its own in front of a broker, as `serve --with kinesis` runs it. It
// reports its port, and serves until it is stopped. Runs in a load process.
import { once } from 'node:events'
import type { LoadControl } from '../job.ts'

/** What is needed of the app. It is compiled after the bench, so that its own types are not there yet. */
interface KinesisApp {
  createKinesisEndpoint(options: {
    readonly broker: { readonly url: string }
    readonly port: number
  }): Promise<{ readonly port: number; close(): Promise<void> }>
}

const APP: string = '@millrace/kinesis'

export async function runKinesisDoor(
  settings: { readonly url: string },
  control: LoadControl,
): Promise<undefined> {
  const { createKinesisEndpoint } = (await import(APP)) as KinesisApp
  const endpoint = await createKinesisEndpoint({ broker: { url: settings.url }, port: 0 })
  control.ready(endpoint.port)
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  await endpoint.close()
  return undefined
}
