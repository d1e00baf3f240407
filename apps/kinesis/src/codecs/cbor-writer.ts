// Turns shapes into writers of CBOR: functions, made once, that add the bytes of a value to a sink. Pure.
// Like the service: lists and structures of indefinite length, bytes a byte string, moments tag 1 with whole milliseconds, since
// SDKs for Java refuse any other number there.
import { CborSink } from './cbor-sink.ts'
import { millisecondsOf } from './moments.ts'
import type { Shape, StructureShape } from '../model/shape.ts'

type Writer = (value: unknown, sink: CborSink) => void

const TRUE = 0xf5
const FALSE = 0xf4
const LIST = 0x9f
const MAP = 0xbf
const BREAK = 0xff
const MOMENT = 0xc1

const shared = new CborSink()

/** The writer of a shape: it gives bytes that are the caller's own. */
export function cborWriterOf(shape: Shape): (value: unknown) => Uint8Array {
  const write = writerOf(shape)
  return (value) => {
    try {
      write(value, shared)
      return shared.take()
    } finally {
      shared.clear()
    }
  }
}

function writerOf(shape: Shape): Writer {
  switch (shape.kind) {
    case 'text':
    case 'choice':
      return (value, sink) => sink.text(value as string)
    case 'integer':
    case 'long':
      return (value, sink) => writeNumber(value as number, sink)
    case 'boolean':
      return (value, sink) => sink.byte(value === true ? TRUE : FALSE)
    case 'blob':
      return (value, sink) => sink.blob(value as Uint8Array)
    case 'timestamp':
      return (value, sink) => {
        sink.byte(MOMENT)
        writeNumber(millisecondsOf(value as Date), sink)
      }
    case 'list': {
      const writeItem = writerOf(shape.of)
      return (value, sink) => {
        sink.byte(LIST)
        for (const item of value as readonly unknown[]) writeItem(item, sink)
        sink.byte(BREAK)
      }
    }
    case 'map': {
      const writeValue = writerOf(shape.value)
      return (value, sink) => {
        sink.byte(MAP)
        for (const [key, item] of Object.entries(value as object)) {
          sink.text(key)
          writeValue(item, sink)
        }
        sink.byte(BREAK)
      }
    }
    case 'structure':
      return structureWriter(shape)
    case 'eventStream':
      throw new Error('an event stream is written event by event')
  }
}

function structureWriter(shape: StructureShape): Writer {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    write: writerOf(member.shape),
  }))
  return (value, sink) => {
    sink.byte(MAP)
    for (const { name, write } of members) {
      const found = (value as Record<string, unknown>)[name]
      if (found === undefined) continue
      sink.text(name)
      write(found, sink)
    }
    sink.byte(BREAK)
  }
}

function writeNumber(value: number, sink: CborSink): void {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is no whole number`)
  if (value < 0) sink.head(1, -1 - value)
  else sink.head(0, value)
}
