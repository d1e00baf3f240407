// What a flow sends by, whatever its destination is. Types, and the one fault.
import type { Chunk } from '../flows/chunk.ts'

/** Makes a plan durable before anything is sent by it. A plan is a JSON value. */
export type KeepPlan = (plan: unknown) => Promise<void>

export interface SendOptions {
  readonly keep: KeepPlan
  readonly signal: AbortSignal
}

export interface Sender {
  /**
   * Fulfils when the destination has stored all records. What passes by itself is waited out. Rejects with SendFault for what somebody must
   * see to, after which it may be called again; and with the signal's reason.
   */
  send(chunk: Chunk, options: SendOptions): Promise<void>
  /** Finishes what an earlier run of the agent began by this plan. `chunk` is made of the same bytes by the same recipe. */
  resume(plan: unknown, chunk: Chunk, options: SendOptions): Promise<void>
  /** Whether the destination is there: undefined, or a sentence that says what is missing. */
  check(signal: AbortSignal): Promise<string | undefined>
  close(): Promise<void>
}

/** The destination does not take anything until somebody does something. Its message is a sentence that says what. */
export class SendFault extends Error {
  override readonly name = 'SendFault'
}

/** What a sender counts and tells while it works. */
export interface SendEvents {
  /** Records were sent, and so many of them refused. */
  attempted(records: number, refused: number): void
  /** A request failed as a whole. */
  failed(): void
  /** Why sending waits; undefined when it goes on. */
  waits(reason: string | undefined): void
}
