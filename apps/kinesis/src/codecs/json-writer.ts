// Turns shapes into writers of JSON: functions, made once, that give the text of a value. Pure.
// Members are written in the order of the model, absent ones not at all.
import { millisecondsOf } from './moments.ts'
import type { MapShape, Shape, StructureShape } from '../model/shape.ts'

/** The JSON text of a value of the shape that it was made for. */
export type JsonWriter = (value: unknown) => string

/** The writer of a shape. */
export function jsonWriterOf(shape: Shape): JsonWriter {
  switch (shape.kind) {
    case 'text':
    case 'choice':
      return (value) => quoted(value as string)
    case 'integer':
    case 'long':
      return (value) => wholeNumber(value as number)
    case 'boolean':
      return (value) => (value === true ? 'true' : 'false')
    case 'blob':
      return (value) => `"${base64Of(value as Uint8Array)}"`
    case 'timestamp':
      return (value) => seconds(millisecondsOf(value as Date))
    case 'list': {
      const writeItem = jsonWriterOf(shape.of)
      return (value) => {
        let text = ''
        for (const item of value as readonly unknown[])
          text += text === '' ? writeItem(item) : `,${writeItem(item)}`
        return `[${text}]`
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

function structureWriter(shape: StructureShape): JsonWriter {
  const members = Object.entries(shape.members).map(([name, member]) => ({
    name,
    key: `${JSON.stringify(name)}:`,
    write: jsonWriterOf(member.shape),
  }))
  return (value) => {
    let text = ''
    for (const { name, key, write } of members) {
      const found = (value as Record<string, unknown>)[name]
      if (found !== undefined) text += (text === '' ? key : `,${key}`) + write(found)
    }
    return `{${text}}`
  }
}

function mapWriter(shape: MapShape): JsonWriter {
  const writeValue = jsonWriterOf(shape.value)
  return (value) =>
    `{${Object.entries(value as object)
      .map(([key, item]) => `${JSON.stringify(key)}:${writeValue(item)}`)
      .join(',')}}`
}

/** In JSON a number that is none would read as null. */
function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is no whole number`)
  return String(value)
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** Text without characters that JSON escapes, and ASCII: nearly all that answers hold. */
const PLAIN_TEXT = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function quoted(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** Seconds with a fraction, from whole numbers: a quotient's digits take longer to find. */
function seconds(milliseconds: number): string {
  const fraction = milliseconds % 1000
  if (fraction === 0 || milliseconds < 0) return String(milliseconds / 1000)
  return `${Math.floor(milliseconds / 1000)}.${String(fraction).padStart(3, '0')}`
}
