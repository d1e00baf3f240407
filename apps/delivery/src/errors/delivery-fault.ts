// What can go wrong at a destination, in the words that decide what happens next. Pure; thrown by destinations, judged by the engine.

/**
 * `denied`: no right to write there. `missing`: the place is not there. `throttled`: too fast. `unreachable`: nobody answers, or the
 * answer is no answer. `refused`: what is written is not taken. `full`: no room.
 */
export type FaultCode = 'denied' | 'missing' | 'throttled' | 'unreachable' | 'refused' | 'full'

/** A destination has not taken what was written. The message is a sentence that says what, where, and what to do. */
export class DeliveryFault extends Error {
  override readonly name = 'DeliveryFault'
  readonly code: FaultCode
  /** The same write may succeed later, without anything being changed at the delivery. */
  readonly retry: boolean

  constructor(
    code: FaultCode,
    message: string,
    options: { readonly retry: boolean; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.retry = options.retry
  }
}
