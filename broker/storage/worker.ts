// THREAD ENTRY of an owner thread. It opens its owner, reports that, and serves calls until `close`. Then it ends by
// itself: terminating a thread while LMDB writes can crash the whole process.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { invariant } from '../../protocol/invariant.ts'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { serveCalls } from '../channels/calls.ts'
import { portChannel } from '../threads/port-channel.ts'
import type { AppendOutcome, OwnerCalls, OwnerOptions, OwnerStarted } from '../threads/owner-contract.ts'
import { openOwner, type Owner } from './owner.ts'

invariant(!isMainThread && parentPort, 'storage/worker.ts is a thread of its own: nothing imports it')
const port = parentPort

function serve(owner: Owner): void {
  const channel = portChannel(port)
  const close = async (request: null): Promise<null> => {
    await owner.handlers.close(request)
    // Closed after the reply is sent; then nothing keeps the thread alive.
    setImmediate(() => channel.close())
    return null
  }
  const { notify } = serveCalls<OwnerCalls>(
    channel,
    { ...owner.handlers, close },
    { transferOf: (call, reply) => (call === 'append' ? buffersOf(reply as AppendOutcome) : []) },
  )
  owner.onNotice(notify)
}

function buffersOf({ arena, results }: AppendOutcome): ArrayBuffer[] {
  return [arena, results.buffer as ArrayBuffer]
}

/** Opens the owner; undefined if that fails, after the parent thread was sent the reason. */
async function open(): Promise<Owner | undefined> {
  try {
    const owner = await openOwner(workerData as OwnerOptions)
    port.postMessage({ started: true } satisfies OwnerStarted)
    return owner
  } catch (error) {
    const { message } = error as Error
    const code = MillraceError.is(error) ? error.code : 'internal'
    port.postMessage({ started: false, code, message } satisfies OwnerStarted)
    return undefined
  }
}

const opened = await open()
if (opened) serve(opened)
