// Starts an owner thread. Runs on a host's main thread. The thread ends by itself after its `close` call and is never
// terminated, because LMDB may be writing.
import { Worker } from 'node:worker_threads'
import { MillraceError } from '../../protocol/millrace-error.ts'
import { refusal } from '../../protocol/refusal.ts'
import { revived } from '../channels/failure.ts'
import type { Channel } from '../channels/channel.ts'
import { portChannel } from './port-channel.ts'
import type { OwnerOptions, OwnerStarted } from './owner-contract.ts'

export interface OwnerThread extends Channel {
  /** Fulfils when the thread has ended. */
  join(): Promise<void>
}

/**
 * Starts a thread that opens an owner. `workerUrl` is storage's owner worker. Fulfils when the owner is open; rejects
 * with the reason if it cannot be opened, after the thread has ended.
 */
export async function startOwnerThread(options: OwnerOptions, workerUrl: URL): Promise<OwnerThread> {
  const worker = new Worker(workerUrl, { workerData: options, name: `owner ${options.ownerId}` })
  // Not `events.once`: it rejects on 'error', which would be unhandled if no caller waits.
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => resolve())
  })
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    worker.once('error', (error) => {
      failure = error
    })
    worker.once('exit', (code) => {
      const message = `The thread of owner ${options.ownerId} ended with code ${code}: ${failure?.message ?? 'no reason given'}`
      reject(MillraceError.is(failure) ? failure : refusal('unavailable', message, { cause: failure }))
    })
    worker.once('message', (first: OwnerStarted) => {
      if (first.started) {
        // Opened in this turn, before the port delivers its next message.
        const channel = portChannel(worker)
        resolve({ ...channel, join: () => ended })
      } else {
        failure = revived(first)
      }
    })
  })
}
