// Turns shapes into writers of JSON: functions, made once, that add the text of a value to a sink. Pure.
// Members are written in the order of the model, absent ones not at all.
import { ByteSink } from './byte-sink.ts'
import { millisecondsOf } from './moments.ts'
import type { MapShape, Shape, StructureShape } from '../model/shape.ts'

type Writer = (value: unknown, sink: JsonSink) => void

const COMMA = 0x2c
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Texts up to this length are copied by a loop, which takes less than a call of Buffer's. */
const SHORT_TEXT_MAX = 64

class JsonSink extends ByteSink {
  /** Characters of ASCII, as they are: punctuation, numbers and names of members. */
  ascii(text: string): void {
    this.reserve(text.length)
    const { bytes } = this
    let { at } = this
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index)
    this.at = at
  }

  /** A text, quoted. */
  text(text: string): void {
    if (text.length <= SHORT_TEXT_MAX && this.#plainText(text)) return
    const quoted = JSON.stringify(text)
    const length = Buffer.byteLength(quoted)
    this.reserve(length)
    this.at += this.bytes.write(quoted, this.at)
  }

  /** Bytes in Base64, quoted. */
  blob({ buffer, byteOffset, byteLength }: Uint8Array): void {
    const base64 = Buffer.from(buffer, byteOffset, byteLength).toString('base64')
    this.reserve(base64.length + 2)
    this.bytes[this.at++] = QUOTE
    this.at += this.bytes.write(base64, this.at, 'latin1')
    this.bytes[this.at++] = QUOTE
  }

  /** Writes a short text that needs no escapes and is all ASCII; otherwise nothing, and is false. */
  #plainText(text: string): boolean {
    this.reserve(text.length + 2)
    const { bytes } = this
    let { at } = this
    bytes[at++] = QUOTE
    for (let index = 0; index < text.length; index++) {
      const character = text.charCodeAt(index)
      if (character < 0x20 || character > 0x7e || character === QUOTE || character === BACKSLASH) return false
      bytes[at++] = character
    }
    bytes[at++] = QUOTE
    this.at = at
    return true
  }
}

const shared = new JsonSink()

/** The writer of a shape: it gives the bytes of a text, which are the caller's own. */
export function jsonWriterOf(shape: Shape): (value: unknown) => Uint8Array {
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
      return (value, sink) => sink.ascii(wholeNumber(value as number))
    case 'boolean':
      return (value, sink) => sink.ascii(value === true ? 'true' : 'false')
    case 'blob':
      return (value, sink) => sink.blob(value as Uint8Array)
    case 'timestamp':
      return (value, sink) => sink.ascii(seconds(millisecondsOf(value as Date)))
    case 'list': {
      const writeItem = writerOf(shape.of)
      return (value, sink) => {
        sink.ascii('[')
        let isFirst = true
        for (const item of value as readonly unknown[]) {
          if (!isFirst) sink.byte(COMMA)
          isFirst = false
          writeItem(item, sink)
        }
        sink.ascii(']')
      }
    }
    case 'map':
      return mapWriter(shape)
    case 'structure':
      return structureWriter(shape)
    case 'eventStream':
      throw new Error('an event stream is written event by event')
  }
}

function structureWriter(shape: StructureShape): Writer {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    first: `{${JSON.stringify(name)}:`,
    further: `,${JSON.stringify(name)}:`,
    write: writerOf(member.shape),
  }))
  return (value, sink) => {
    let isFirst = true
    for (const { name, first, further, write } of members) {
      const found = (value as Record<string, unknown>)[name]
      if (found === undefined) continue
      sink.ascii(isFirst ? first : further)
      isFirst = false
      write(found, sink)
    }
    sink.ascii(isFirst ? '{}' : '}')
  }
}

function mapWriter(shape: MapShape): Writer {
  const writeValue = writerOf(shape.value)
  return (value, sink) => {
    let before = '{'
    for (const [key, item] of Object.entries(value as object)) {
      sink.ascii(before)
      before = ','
      sink.text(key)
      sink.ascii(':')
      writeValue(item, sink)
    }
    sink.ascii(before === '{' ? '{}' : '}')
  }
}

/** In JSON a number that is none would read as null. */
function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is no whole number`)
  return String(value)
}

/** Seconds with a fraction, from whole numbers: a quotient's digits take longer to find. */
function seconds(milliseconds: number): string {
  const fraction = milliseconds % 1000
  if (fraction === 0 || milliseconds < 0) return String(milliseconds / 1000)
  return `${Math.floor(milliseconds / 1000)}.${String(fraction).padStart(3, '0')}`
}
