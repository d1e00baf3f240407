// A broker that wants tokens, for tests of the least grants that an app needs: those that its guide names.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { connect, Client } from '../../../client/index.ts'
import type { Broker } from '../../../broker/broker.ts'

interface Closed {
  close(): Promise<void>
}

export interface GuardedBroker<B, C> extends AsyncDisposable {
  readonly broker: B
  /** A client that may do everything. */
  readonly root: C
  /** A folder for the test. */
  readonly folder: string
  /** The grants of the guide, in its order. */
  readonly grants: readonly string[]
}

/** As the caller imports them: an app's test has the package's own types. */
interface Millrace<B, C> {
  readonly createBroker: (options: {
    readonly listen: false
    readonly config: { readonly access: 'required'; readonly segmentSize: '1MiB' }
  }) => Promise<B>
  readonly connect: (
    url: string,
    options: Pick<NonNullable<Parameters<typeof connect>[1]>, 'dial' | 'token'>,
  ) => Promise<C>
}

/** Starts a broker in this process, and reads the grants that a guide gives to `millrace token create`. */
export async function guardedBroker<
  B extends Closed & Pick<Broker, 'url' | 'dial' | 'dataDir'>,
  C extends Pick<Client, 'close'>,
>(guide: URL, { createBroker, connect: open }: Millrace<B, C>): Promise<GuardedBroker<B, C>> {
  const grants = [...(await readFile(guide, 'utf8')).matchAll(/--grant '([^']+)'/g)].map(
    ([, grant]) => grant!,
  )
  const folder = await mkdtemp(join(tmpdir(), 'grants-'))
  const broker = await createBroker({ listen: false, config: { access: 'required', segmentSize: '1MiB' } })
  const token = (await readFile(join(broker.dataDir, 'root.token'), 'utf8')).trim()
  const root = await open(broker.url, { dial: broker.dial, token })
  const close = async (): Promise<void> => {
    await root.close()
    await broker.close()
    await rm(folder, { recursive: true })
  }
  return { broker, root, folder, grants, [Symbol.asyncDispose]: close }
}
