// What is done with a record before it is sent: the steps of a flow, one after another, on its text. Pure, so that a chunk can be made again.
// Results are those of AWS' agent, byte for byte, where its own are defined.
import { javaPattern, type JavaPattern } from '../config/java-pattern.ts'
import { fieldsJson, rowJson } from './fields-json.ts'
import { jsonText } from './json-text.ts'
import { logFormatTable } from './log-formats.ts'
import type { ProcessingStep } from './processing-step.ts'

/** Makes other data of a record's data; undefined: the record is skipped. */
export type Converter = (data: Uint8Array) => Uint8Array | undefined

type TextStep = (text: string) => string | undefined

/** Undefined: there is nothing to be done. */
export function converterOf(steps: readonly ProcessingStep[]): Converter | undefined {
  if (steps.length === 0) return undefined
  const chain = steps.map(stepOf)
  return (data) => {
    // What is no UTF-8 is replaced, as in Java.
    let text: string | undefined = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')
    for (const step of chain) {
      text = step(text)
      if (text === undefined) return undefined
    }
    return Buffer.from(text, 'utf8')
  }
}

/** True where a pattern of the steps may take exponential time on hostile text. */
export function hasRiskyPattern(steps: readonly ProcessingStep[]): boolean {
  return steps.some((step) => {
    if (step.type === 'log-to-json') return step.pattern !== undefined && javaPattern(step.pattern).isRisky
    return step.type === 'csv-to-json' && !isPlain(step.delimiter) && javaPattern(step.delimiter).isRisky
  })
}

function stepOf(step: ProcessingStep): TextStep {
  switch (step.type) {
    case 'single-line':
      return singleLine
    case 'csv-to-json':
      return csvToJson(step)
    case 'log-to-json':
      return logToJson(step)
    case 'add-metadata':
      return addMetadata(step)
    case 'add-brackets':
      return (text) => `{${text}}`
  }
}

/** Java's `trim`: everything up to the space. */
function trimmed(line: string): string {
  let begin = 0
  let end = line.length
  while (begin < end && line.charCodeAt(begin) <= 32) begin += 1
  while (end > begin && line.charCodeAt(end - 1) <= 32) end -= 1
  return line.slice(begin, end)
}

function singleLine(text: string): string {
  return `${text.split('\n').map(trimmed).join('')}\n`
}

function withoutEnd(text: string): string {
  return text.endsWith('\n') ? text.slice(0, -1) : text
}

function csvToJson({
  fields,
  delimiter,
  isPretty,
}: Extract<ProcessingStep, { type: 'csv-to-json' }>): TextStep {
  const split = splitterOf(delimiter)
  const row = rowJson(fields, isPretty)
  return (text) => `${row(split(withoutEnd(text)))}\n`
}

/** Java's `split`: empty values at the end are none, and what matches nothing at the beginning makes no value. */
function splitterOf(delimiter: string): (line: string) => string[] {
  const cut = isPlain(delimiter)
    ? (line: string) => line.split(delimiter)
    : regexSplitter(javaPattern(delimiter))
  return (line) => {
    const values = cut(line)
    while (values.length > 1 && values.at(-1) === '') values.pop()
    // A line of delimiters alone has no value at all; an empty line has one, which is empty.
    return values.length === 1 && values[0] === '' && line !== '' ? [] : values
  }
}

function isPlain(delimiter: string): boolean {
  return !/[.$|()[{^?*+\\]/.test(delimiter)
}

function regexSplitter({ part }: JavaPattern): (line: string) => string[] {
  const pattern = new RegExp(part.source, `${part.flags}g`)
  return (line) => {
    const values: string[] = []
    let begin = 0
    for (const found of line.matchAll(pattern)) {
      const end = found.index + found[0].length
      if (end === 0) continue
      if (found[0] === '' && found.index >= line.length) break
      values.push(line.slice(begin, found.index))
      begin = end
    }
    values.push(line.slice(begin))
    return values
  }
}

function logToJson({
  format,
  pattern,
  fields,
  isPretty,
}: Extract<ProcessingStep, { type: 'log-to-json' }>): TextStep {
  const { pattern: own, dashIsNull } = logFormatTable[format]
  const whole = pattern === undefined ? own : javaPattern(pattern).whole
  const json = fieldsJson(fields, { isPretty, dashIsNull })
  return (text) => {
    const found = whole.exec(withoutEnd(text))
    return found === null ? undefined : `${json(found)}\n`
  }
}

function addMetadata({ metadata, isPretty }: Extract<ProcessingStep, { type: 'add-metadata' }>): TextStep {
  if (isPretty) return (text) => `${jsonText({ metadata, data: withoutEnd(text) }, true)}\n`
  const head = `{"metadata":${JSON.stringify(metadata)},"data":`
  return (text) => `${head}${JSON.stringify(withoutEnd(text))}}\n`
}
