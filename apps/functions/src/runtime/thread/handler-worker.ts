// THREAD ENTRY: a thread of a function's module, in a Piscina pool of its own.
import { parentPort, workerData } from 'node:worker_threads'
import { kinesisEvent } from '../../events/kinesis-event.ts'
import type { InvocationEvent } from '../../invocation.ts'
import type { ThreadMessage, ThreadSetup, ThreadTask } from '../thread-contract.ts'
import { idleWatch } from './idle.ts'
import { loadHandler } from './load-handler.ts'
import { heldBytes } from './memory.ts'
import { ModuleThread } from './module-thread.ts'
import { PrintedLines } from './printed-lines.ts'

const setup = workerData as ThreadSetup
const port = parentPort!
const say = (message: ThreadMessage, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer)

const printed = new PrintedLines({
  limits: setup.limits,
  now: () => Date.now(),
  hand: (requestId, line) => say({ type: 'printed', requestId, line }),
})
printed.capture(console, process.stdout, process.stderr)

const thread = new ModuleThread({
  setup,
  load: () => loadHandler(setup.path, setup.handler, setup.limits),
  eventOf,
  idleWatch,
  heldBytes,
  printed,
  monotonic: () => performance.now(),
  say,
  end: () => process.exit(1),
})
process.on('uncaughtException', (error) => thread.uncaught(error, false))
process.on('unhandledRejection', (reason) => thread.uncaught(reason, true))

function eventOf(event: InvocationEvent): unknown {
  return event.kind === 'json'
    ? (JSON.parse(Buffer.from(event.payload).toString('utf8')) as unknown)
    : kinesisEvent(event.batch)
}

/** What the pool calls. */
export function answer(task: ThreadTask): Promise<void> {
  return thread.answer(task)
}
