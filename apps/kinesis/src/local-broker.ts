// A broker in this process, for an endpoint that is given none: tests and programs then need one import, and no container.
import type { ConnectOptions } from 'millrace'

/** A broker that ends with its endpoint, and takes its records with it. */
export interface LocalBroker {
  readonly url: string
  readonly dial: NonNullable<ConnectOptions['dial']>
  close(): Promise<void>
}

/**
 * Starts a broker at free ports of this machine, in a temporary directory that its end removes. The endpoint reaches it within the
 * process; the ports are for native clients that want to see the same streams.
 */
export async function startLocalBroker(): Promise<LocalBroker> {
  const { createBroker } = await import('millrace/broker')
  return createBroker()
}
