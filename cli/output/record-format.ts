// Formats records for standard output: as bytes, as lines of JSON, or as rows for people. Pure.
import type { StreamRecord } from '../../client/index.ts'
import { printedData, printedHeaders, textOf } from '../../protocol/text/printed-bytes.ts'
import { visible, visibleLines } from '../../protocol/text/visible-text.ts'
import { countOf, shortShardId } from './amounts.ts'
import { cutToWidth, padToWidth } from './display-width.ts'

export const recordFormats = ['raw', 'json', 'table'] as const
export type RecordFormat = (typeof recordFormats)[number]

export type RecordWriter = (record: StreamRecord) => Uint8Array

/** The output that records are written to. */
export interface Screen {
  /** Width of the terminal, to which a table is cut; undefined for a file or a pipe. */
  readonly columns: number | undefined
  /** True if raw records show control characters as escapes, since a terminal would obey them. */
  readonly showsControls: boolean
}

/** The heading above the first record; empty text if the format has none. */
export function headingOf(format: RecordFormat, { columns }: Screen): string {
  if (format !== 'table') return ''
  return `${row(['SHARD', 'SEQUENCE NUMBER', 'ARRIVED', 'KEY', 'DATA'], layoutFor(columns))}\n`
}

/** Returns the function that formats one record. */
export function recordWriter(format: RecordFormat, screen: Screen): RecordWriter {
  switch (format) {
    case 'raw':
      return screen.showsControls ? shownLine : rawLine
    case 'json':
      return (record) => Buffer.from(`${visible(JSON.stringify(jsonOf(record)))}\n`)
    case 'table': {
      const layout = layoutFor(screen.columns)
      return (record) => Buffer.from(`${tableRow(record, layout)}\n`)
    }
  }
}

/** The bytes as text with control characters escaped; if they are not UTF-8, those beyond ASCII are escaped too. */
export function shownBytes(bytes: Uint8Array): string {
  const text = textOf(bytes)
  if (text !== undefined) return visibleLines(text)
  const latin1 = Buffer.from(bytes).toString('latin1')
  return visibleLines(latin1.replaceAll(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`))
}

/** The record as its bytes are shown. */
function shownLine({ bytes }: StreamRecord): Uint8Array {
  return Buffer.from(`${shownBytes(bytes)}\n`)
}

const LINE_FEED = 10

/** The record's bytes as appended, and a line feed. */
function rawLine({ bytes }: StreamRecord): Uint8Array {
  const line = Buffer.allocUnsafe(bytes.length + 1)
  line.set(bytes)
  line[bytes.length] = LINE_FEED
  return line
}

/** Bytes that are not UTF-8 have another member name, so that a script cannot mistake base64 for the text. */
function jsonOf(record: StreamRecord): object {
  return {
    shardId: record.shardId,
    sequenceNumber: record.sequenceNumber,
    partitionKey: record.partitionKey,
    arrivalTime: record.arrivalTime.toISOString(),
    timestamp: record.timestamp.toISOString(),
    ...(record.explicitHashKey === undefined ? {} : { explicitHashKey: record.explicitHashKey }),
    ...printedHeaders(record.headers),
    ...printedData(record.bytes),
  }
}

interface Layout {
  /** Widths of all columns but the last. */
  readonly widths: readonly number[]
  readonly columns: number | undefined
  readonly shard: (shardId: string) => string
  readonly time: (time: Date) => string
}

const wide = {
  widths: [20, 16, 24, 24],
  shard: (shardId: string) => shardId,
  time: (time: Date) => time.toISOString(),
}

/** For screens too narrow to show the data otherwise: short shard ids, and times to the second. */
const narrow = {
  widths: [5, 15, 20, 12],
  shard: shortShardId,
  time: (time: Date) => time.toISOString().replace(/\.\d+/, ''),
}

const WIDE_COLUMNS_MIN = 110

function layoutFor(columns: number | undefined): Layout {
  return { ...(columns === undefined || columns >= WIDE_COLUMNS_MIN ? wide : narrow), columns }
}

function row(cells: readonly string[], { widths, columns }: Layout): string {
  const padded = cells.map((cell, index) => padToWidth(cell, widths[index] ?? 0))
  const line = padded.join('  ')
  return columns === undefined ? line : cutToWidth(line, columns)
}

function tableRow(record: StreamRecord, layout: Layout): string {
  const data = textOf(record.bytes) ?? `<${countOf(record.bytes.length, 'byte')}>`
  const cells = [
    layout.shard(record.shardId),
    String(record.sequenceNumber),
    layout.time(record.arrivalTime),
    cutToWidth(visible(record.partitionKey), layout.widths[3]!),
    visible(data),
  ]
  return row(cells, layout)
}
