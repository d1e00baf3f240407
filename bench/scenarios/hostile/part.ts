// What one attack contributes to the report of the scenario. Types only.
import type { Report } from '../../report/figure.ts'

export type Part = Pick<Report, 'figures' | 'latencies' | 'notes'>
