// The options of processing of one flow, checked and made into steps. Pure.
import { formatFields } from '../processing/log-formats.ts'
import type { LogFormat, ProcessingStep } from '../processing/processing-step.ts'
import type { JavaPattern } from './java-pattern.ts'
import type { JsonValue } from './json-file.ts'
import { processingOptions, refusedProcessingOptions, type ProcessingName } from './keys/processing-keys.ts'
import { shown, valuesIn, type Findings } from './key-values.ts'
import { nearestName } from './nearest-name.ts'

export function processingSteps(given: JsonValue | undefined, findings: Findings): readonly ProcessingStep[] {
  return (given?.items ?? []).flatMap((option) => {
    const name = option.members?.get('optionName')?.value
    if (!isKnown(name)) {
      findings.problem(option.place, refusal(name))
      return []
    }
    const step = makers[name](option, findings)
    return step === undefined ? [] : [step]
  })
}

function isKnown(name: unknown): name is ProcessingName {
  return typeof name === 'string' && Object.hasOwn(processingOptions, name)
}

function refusal(name: unknown): string {
  const names = Object.keys(processingOptions)
  if (typeof name !== 'string') return `optionName is ${shown(name)}: it must be one of ${names.join(', ')}.`
  const reason = refusedProcessingOptions[name]
  if (reason !== undefined) return `optionName is ${name}, which cannot be had here: ${reason}.`
  const nearest = nearestName(name, names)
  return `optionName is ${shown(name)}: it must be one of ${names.join(', ')}.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`
}

type Maker = (option: JsonValue, findings: Findings) => ProcessingStep | undefined

const makers: { readonly [N in ProcessingName]: Maker } = {
  SINGLELINE: (option, findings) => {
    keysOf('SINGLELINE', option, findings)
    return { type: 'single-line' }
  },
  CSVTOJSON: (option, findings) => {
    const { customFieldNames: fields, jsonFormat } = keysOf('CSVTOJSON', option, findings)
    if (fields === undefined) {
      findings.problem(option.place, 'CSVTOJSON has no customFieldNames: name the columns, in their order.')
      return undefined
    }
    const delimiter = textOf(option, 'delimiter') || ','
    return { type: 'csv-to-json', fields, delimiter, isPretty: jsonFormat === 'PRETTYPRINT' }
  },
  LOGTOJSON: (option, findings) => {
    const {
      logFormat: format,
      matchPattern,
      customFieldNames,
      jsonFormat,
    } = keysOf('LOGTOJSON', option, findings)
    if (format === undefined) {
      findings.problem(
        option.place,
        'LOGTOJSON has no logFormat: give the one that comes nearest, also with a matchPattern.',
      )
      return undefined
    }
    const fields = fieldsOf(option, { format, matchPattern, customFieldNames }, findings)
    if (fields === undefined) return undefined
    const pattern = matchPattern === undefined ? undefined : textOf(option, 'matchPattern')
    return {
      type: 'log-to-json',
      format,
      ...(pattern !== undefined && { pattern }),
      fields,
      isPretty: jsonFormat === 'PRETTYPRINT',
    }
  },
  ADDMETADATA: (option, findings) => {
    const { metadata, jsonFormat } = keysOf('ADDMETADATA', option, findings)
    return { type: 'add-metadata', metadata: metadata ?? null, isPretty: jsonFormat === 'PRETTYPRINT' }
  },
  ADDEC2METADATA: (option, findings) => {
    keysOf('ADDEC2METADATA', option, findings)
    findings.warn(
      'ADDEC2METADATA',
      option.place,
      `ADDEC2METADATA has no effect here. ${processingOptions.ADDEC2METADATA.note}`,
    )
    return undefined
  },
  ADDBRACKETS: (option, findings) => {
    keysOf('ADDBRACKETS', option, findings)
    return { type: 'add-brackets' }
  },
}

/** The values of an option's keys; `optionName` is one of every option's. */
function keysOf<N extends ProcessingName>(name: N, option: JsonValue, findings: Findings) {
  const members = new Map([...(option.members ?? [])].filter(([key]) => key !== 'optionName'))
  return valuesIn<(typeof processingOptions)[N]['keys']>(
    processingOptions[name].keys,
    { ...option, members },
    findings,
  )
}

function textOf(option: JsonValue, key: string): string {
  const value = option.members?.get(key)?.value
  return typeof value === 'string' ? value : ''
}

interface LogChoice {
  readonly format: LogFormat
  readonly matchPattern: JavaPattern | undefined
  readonly customFieldNames: readonly string[] | undefined
}

function fieldsOf(
  { place }: JsonValue,
  { format, matchPattern, customFieldNames }: LogChoice,
  findings: Findings,
): readonly string[] | undefined {
  if (matchPattern === undefined) {
    const own = formatFields(format)
    if (customFieldNames === undefined || customFieldNames.length === own.length)
      return customFieldNames ?? own
    findings.problem(
      place,
      `customFieldNames has ${customFieldNames.length} names, and ${format} has ${own.length} fields (${own.join(', ')}): name as many, or give a matchPattern.`,
    )
    return undefined
  }
  if (customFieldNames === undefined) {
    findings.problem(place, 'A matchPattern needs customFieldNames: a name for each of its groups.')
    return undefined
  }
  if (customFieldNames.length === matchPattern.groups) return customFieldNames
  findings.problem(
    place,
    `matchPattern has ${matchPattern.groups} groups, and customFieldNames ${customFieldNames.length} names: no line would be taken. Make them equal; (?:…) groups without a field.`,
  )
  return undefined
}
