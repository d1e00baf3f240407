// What one part of a scenario contributes to its report. Types only.
import type { Report } from './figure.ts'

export type Part = Pick<Report, 'figures' | 'latencies' | 'notes'>
