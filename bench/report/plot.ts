// A percentile plot for the terminal: milliseconds (logarithmic) against percentiles (by nines). Pure.
import type { LatencyCurve } from './figure.ts'

const WIDTH = 64
const HEIGHT = 12
const GLYPHS = ['●', '○', '▲', '△', '■', '□']
const TICKS = [0, 50, 90, 99, 99.9, 99.99]

/** Plots several curves in one frame, with a legend. Returns empty text if there is nothing to draw. */
export function plotLatencies(curves: readonly LatencyCurve[]): string {
  const drawn = curves.filter(({ summary }) => summary.curve.length > 1)
  const values = drawn.flatMap(({ summary }) => summary.curve.map(({ ms }) => ms)).filter((ms) => ms > 0)
  if (values.length === 0) return ''
  const scale = { low: Math.log10(Math.min(...values)), high: Math.log10(Math.max(...values)) }
  const nines = Math.max(...drawn.map(({ summary }) => ninesOf(summary.curve.at(-1)?.percentile ?? 0)))
  const grid = Array.from({ length: HEIGHT }, () => Array<string>(WIDTH).fill(' '))
  for (const [index, { summary }] of drawn.entries()) {
    for (const { percentile, ms } of summary.curve) {
      const column = Math.round((ninesOf(percentile) / nines) * (WIDTH - 1))
      const row = rowOf(ms, scale)
      grid[row]![column] = GLYPHS[index % GLYPHS.length] ?? '●'
    }
  }
  const lines = grid.map((cells, row) => `${labelOf(row, scale)} ┤${cells.join('').trimEnd()}`)
  lines.push(`${' '.repeat(10)} └${'─'.repeat(WIDTH)}`, axisOf(nines))
  for (const [index, { name }] of drawn.entries())
    lines.push(`${' '.repeat(12)}${GLYPHS[index % GLYPHS.length]} ${name}`)
  return lines.join('\n')
}

interface Scale {
  readonly low: number
  readonly high: number
}

/** The position on an axis by nines: 90 % is 1, 99 % is 2. On it, tails are as wide as the middle. */
function ninesOf(percentile: number): number {
  return -Math.log10(1 - percentile / 100)
}

function rowOf(ms: number, scale: Scale): number {
  const span = scale.high - scale.low || 1
  return HEIGHT - 1 - Math.round(((Math.log10(ms) - scale.low) / span) * (HEIGHT - 1))
}

function labelOf(row: number, scale: Scale): string {
  const part = (HEIGHT - 1 - row) / (HEIGHT - 1)
  const ms = 10 ** (scale.low + part * (scale.high - scale.low))
  return `${ms.toPrecision(3)} ms`.padStart(10)
}

function axisOf(nines: number): string {
  const cells = Array<string>(WIDTH + 8).fill(' ')
  for (const tick of TICKS) {
    const column = Math.round((ninesOf(tick) / nines) * (WIDTH - 1))
    if (column >= WIDTH) continue
    for (const [offset, letter] of `p${tick}`.split('').entries()) cells[column + offset] = letter
  }
  return `${' '.repeat(12)}${cells.join('').trimEnd()}`
}
