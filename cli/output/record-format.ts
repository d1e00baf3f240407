// How a record is written to standard output: as its bytes, as a line of JSON, or as a row for people. Pure.
import type { StreamRecord } from '../../client/index.ts'

export const recordFormats = ['raw', 'json', 'table'] as const
export type RecordFormat = (typeof recordFormats)[number]

export type RecordWriter = (record: StreamRecord) => Uint8Array

/** What stands above the first record, if anything. */
export function headingOf(format: RecordFormat): string {
  return format === 'table' ? `${row(['SHARD', 'SEQUENCE NUMBER', 'ARRIVED', 'KEY', 'DATA'])}\n` : ''
}

/** `columns` is the width of the terminal; a table is cut to it. */
export function recordWriter(format: RecordFormat, options: { columns: number | undefined }): RecordWriter {
  switch (format) {
    case 'raw':
      return rawLine
    case 'json':
      return (record) => Buffer.from(`${JSON.stringify(jsonOf(record))}\n`)
    case 'table':
      return (record) => Buffer.from(`${tableRow(record, options.columns)}\n`)
  }
}

const LINE_FEED = 10

/** The record's bytes as they were appended, and a line feed. */
function rawLine({ bytes }: StreamRecord): Uint8Array {
  const line = Buffer.allocUnsafe(bytes.length + 1)
  line.set(bytes)
  line[bytes.length] = LINE_FEED
  return line
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

/** Bytes that are not UTF-8 stand under another name, so that a script never takes base64 for the text itself. */
function jsonOf(record: StreamRecord): object {
  const data = textOf(record.bytes)
  const headers = Object.entries(record.headers)
  return {
    shardId: record.shardId,
    sequenceNumber: record.sequenceNumber,
    partitionKey: record.partitionKey,
    arrivalTime: record.arrivalTime.toISOString(),
    timestamp: record.timestamp.toISOString(),
    ...(record.explicitHashKey === undefined ? {} : { explicitHashKey: record.explicitHashKey }),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers.map(headerOf)) }),
    ...(data === undefined ? { dataBase64: Buffer.from(record.bytes).toString('base64') } : { data }),
  }
}

function headerOf([name, value]: readonly [string, Uint8Array]): readonly [string, string] {
  return [name, textOf(value) ?? `base64:${Buffer.from(value).toString('base64')}`]
}

const SHARD_WIDTH = 20
const NUMBER_WIDTH = 16
const TIME_WIDTH = 24
const KEY_WIDTH = 24

function row(cells: readonly string[]): string {
  const widths = [SHARD_WIDTH, NUMBER_WIDTH, TIME_WIDTH, KEY_WIDTH, 0]
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')
}

function tableRow(record: StreamRecord, columns: number | undefined): string {
  const data = textOf(record.bytes) ?? `<${record.bytes.length} bytes>`
  const line = row([
    record.shardId,
    String(record.sequenceNumber),
    record.arrivalTime.toISOString(),
    cut(printable(record.partitionKey), KEY_WIDTH),
    printable(data),
  ])
  return columns === undefined ? line : cut(line, columns)
}

/** Control characters would move the cursor of whoever looks. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '·')
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}
