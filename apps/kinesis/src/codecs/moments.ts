// Moments as numbers of milliseconds. Pure.

/** Milliseconds before and after 1970 that a Date can tell. */
const DATE_MS_MAX = 8.64e15

/** The nearest moment that a Date can tell: 1970 for what is no number. */
export function dateOf(milliseconds: number): Date {
  if (Number.isNaN(milliseconds)) return new Date(0)
  return new Date(Math.min(Math.max(Math.round(milliseconds), -DATE_MS_MAX), DATE_MS_MAX))
}

/** The milliseconds of a moment of an answer. Fails where it is no date: such an answer is a defect of ours. */
export function millisecondsOf(moment: Date): number {
  const milliseconds = moment.getTime()
  if (Number.isNaN(milliseconds)) throw new Error('a moment of an answer is no date')
  return milliseconds
}
