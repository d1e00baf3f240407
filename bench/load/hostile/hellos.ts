// Load: thousands of connections that say hello and then nothing. Runs in a load process.
import { once } from 'node:events'
import type { Endpoint } from '../../../client/connecting/address.ts'
import type { LoadControl } from '../job.ts'
import { Crowd, type CrowdCount } from './crowd.ts'

export interface HellosSettings {
  /** The processes of the broker, which are called in turn. */
  readonly endpoints: readonly Endpoint[]
  readonly hellos: number
  /** Addresses of this machine to call from, in turn. */
  readonly addresses: readonly string[]
  /** No hello is said after this time. */
  readonly deadlineMs: number
}

export interface HellosResult extends CrowdCount {
  /** Files that this process may have open, as the system says. */
  readonly filesMax: string
}

/** Fewer than the connections that a listener lets wait to be accepted. */
const ATTEMPTS_MAX = 256

/** Reports when all hellos were answered or refused, with how many connections are open; ends them when it is stopped. */
export async function runHellos(settings: HellosSettings, control: LoadControl): Promise<HellosResult> {
  const { endpoints, hellos: count, addresses, deadlineMs } = settings
  const crowd = new Crowd({ count, endpoints, addresses, deadlineMs, attemptsMax: ATTEMPTS_MAX })
  await crowd.gather(control.stopped)
  control.ready(crowd.count.open)
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  const counted = crowd.count
  crowd.disperse()
  return { ...counted, filesMax: filesMax() }
}

function filesMax(): string {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number | string } }
  }
  return String(userLimits?.open_files?.soft ?? 'a number that is not known')
}
