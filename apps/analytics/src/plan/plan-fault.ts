// What the planner refuses: the reason, what to write instead, and the place in the text. Pure.
import type { SqlPlace } from './query-plan.ts'

/** A text that is no query, or not one that can be run. Its message names the place and shows the line. */
export class PlanFault extends Error {
  override readonly name = 'PlanFault'
  readonly reason: string
  readonly place: SqlPlace

  /** `position` counts characters of `text` from 0. */
  constructor(text: string, position: number, reason: string) {
    const place = placeIn(text, position)
    const line = text.split('\n')[place.line - 1] ?? ''
    super(
      `Line ${place.line}, column ${place.column}: ${reason}\n  ${line}\n  ${' '.repeat(place.column - 1)}^`,
    )
    this.reason = reason
    this.place = place
  }
}

/** Returns line and column of a position. */
export function placeIn(text: string, position: number): SqlPlace {
  const before = text.slice(0, Math.max(0, Math.min(position, text.length)))
  const start = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: before.length - start + 1 }
}

/** Returns the position of a place. */
export function positionIn(text: string, { line, column }: SqlPlace): number {
  const before = text.split('\n').slice(0, line - 1)
  return before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1
}
