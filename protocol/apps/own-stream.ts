// The stream behind a delivery that takes direct puts, by the name that every door to deliveries gives it. Pure.

/** Name of the stream behind a delivery. */
export function ownStreamOf(delivery: string): string {
  return `${delivery}.delivery`
}
