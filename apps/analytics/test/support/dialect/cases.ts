// All questions of the table.
import type { DialectCase } from './case.ts'
import { flinkJoins } from './flink-joins.ts'
import { flinkOver } from './flink-over.ts'
import { flinkWindows } from './flink-windows.ts'
import { kinesisShapes } from './kinesis-shapes.ts'
import { kinesisWindows } from './kinesis-windows.ts'

export const dialectCases: readonly DialectCase[] = [
  ...flinkWindows,
  ...flinkJoins,
  ...flinkOver,
  ...kinesisWindows,
  ...kinesisShapes,
]
