// How a refusal prints the value that it refuses, as the service does: like Java prints it. Pure.
import type { Shape } from '../model/shape.ts'

/** A refusal repeats so many characters of a value, so that no answer is as large as its request. */
const PRINTED_CHARACTERS_MAX = 16_384

/** The value in quotes, or null. */
export function printedValue(value: unknown, shape: Shape): string {
  if (value === null || value === undefined) return 'null'
  const text = printed(value, shape)
  return `'${text.length > PRINTED_CHARACTERS_MAX ? `${text.slice(0, PRINTED_CHARACTERS_MAX)}…` : text}'`
}

function printed(value: unknown, shape: Shape): string {
  if (value === null) return 'null'
  switch (shape.kind) {
    case 'blob': {
      const { length } = value as Uint8Array
      return `java.nio.HeapByteBuffer[pos=0 lim=${length} cap=${length}]`
    }
    case 'list':
      return `[${joined(value as unknown[], (item) => printed(item, shape.of))}]`
    case 'map':
      return `{${joined(Object.entries(value as object), ([key, item]) => `${key}=${printed(item, shape.value)}`)}}`
    case 'structure':
      return `com.amazonaws.kinesis.v20131202.${shape.name ?? 'Structure'}`
    default:
      return `${value as string | number | boolean}`
  }
}

/** Stops where the text is long enough: a list may have a million items. */
function joined<T>(items: readonly T[], print: (item: T) => string): string {
  let text = ''
  for (const item of items) {
    if (text.length > PRINTED_CHARACTERS_MAX) break
    text += (text === '' ? '' : ', ') + print(item)
  }
  return text
}
