// A broker with the Kinesis API in front of it, each in processes of their own. Runs in the bench's main process.
import type { RunningServer } from './peers.ts'
import type { Bench } from '../scenario.ts'

export interface RunningDoor extends RunningServer {
  /** Url of the broker, for native clients. */
  readonly url: string
}

export async function startDoor(bench: Bench): Promise<RunningDoor> {
  const daemon = await bench.startDaemon({ isSecure: false })
  const door = bench.load('kinesisDoor', { url: daemon.url })
  const port = await door.ready
  return {
    url: daemon.url,
    endpoint: `http://127.0.0.1:${port}`,
    stop: async () => {
      door.stop()
      await door.result
      await daemon.stop()
    },
  }
}
