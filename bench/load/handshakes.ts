// Load: many clients that connect, a bounded number at a time, each with a handshake, hello and token of its own, and stay.
// Runs in a load process. All of them share its thread: on many machines they would be back sooner.
import type { Client } from '../../client/index.ts'
import { connect } from '../harness/connect.ts'
import { monotonicMs } from '../harness/clock.ts'

export interface HandshakesSettings {
  readonly url: string
  readonly clients: number
  /** Attempts under way at a time. One thread cannot make a thousand handshakes before the first ones have waited too long. */
  readonly atOnce: number
}

export interface HandshakesResult {
  /** Until the last client has its answer. */
  readonly seconds: number
}

export async function runHandshakes({ url, clients, atOnce }: HandshakesSettings): Promise<HandshakesResult> {
  const startsAt = monotonicMs()
  const connected: Client[] = []
  let begun = 0
  const connectSome = async (): Promise<void> => {
    while (begun < clients) {
      begun++
      const client = await connect(url)
      connected.push(client)
      await client.describeBroker()
    }
  }
  await Promise.all(Array.from({ length: atOnce }, connectSome))
  const seconds = (monotonicMs() - startsAt) / 1000
  await Promise.all(connected.map((client) => client.close()))
  return { seconds }
}
