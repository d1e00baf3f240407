// The flags of functions and their mappings, and what they say. Runs in the command line.
import { InvalidArgumentError, type Command } from 'commander'
import type { FailureDestination } from '../../../../protocol/apps/function-definition.ts'
import { duration, size, wholeNumber } from '../../../arguments.ts'
import { Failure } from '../../../failure.ts'
import type { FunctionInput, MappingSettings } from './functions-module.ts'

export interface FunctionFlags {
  readonly timeout?: number
  readonly memory?: number
  readonly env?: Readonly<Record<string, string>>
  readonly description?: string
  readonly watch?: boolean
}

export interface MappingFlags {
  readonly to?: string | false
  readonly batchSize?: number
  readonly window?: number
  readonly parallel?: number
  readonly retries?: number
  readonly maxAge?: number
  readonly bisect?: boolean
  readonly partial?: boolean
  readonly tumbling?: number
  readonly filter?: readonly string[] | false
  readonly onFailure?: string | false
}

const MIB = 1024 * 1024

/** Adds the flags of a function. With `canClear`, those that take something back too. */
export function addFunctionFlags(command: Command, { canClear = false } = {}): Command {
  command
    .option('--timeout <duration>', 'how long a call may take; 3s where it is not said', duration)
    .option('--memory <size>', 'memory of a thread that runs the module; 128MiB where it is not said', size)
    .option('--env <name=value>', 'a variable that the module sees; may be given several times', variable)
    .option('--description <text>', 'what it is for')
    .option('--watch', 'load the module anew when a source of its folder changes')
  if (canClear) command.option('--no-watch', 'do not')
  return command
}

/** Adds the flags of a mapping, those of its source left out. */
export function addMappingFlags(command: Command, { canClear = false } = {}): Command {
  command
    .option(
      '--to <stream>',
      'put what the function returns into this stream, which is made where it is missing',
    )
    .option('--batch-size <count>', 'records of a call, at most; 100 where it is not said', wholeNumber(1))
    .option('--window <duration>', 'how long records are gathered for a call that is not full', duration)
    .option(
      '--parallel <count>',
      'calls for a shard at a time, 1 to 10; records of one key stay in order',
      wholeNumber(1),
    )
    .option(
      '--retries <count>',
      'how often a batch is tried again; `forever` where it is not said',
      orForever(wholeNumber(0)),
    )
    .option(
      '--max-age <duration>',
      'give up records that are older; `forever` where it is not said',
      orForever(duration),
    )
    .option('--bisect', 'halve a batch that fails, until the record that fails is alone')
    .option(
      '--partial',
      'the function says by batchItemFailures which records of a batch are to be tried again',
    )
    .option('--tumbling <duration>', 'windows through which the function keeps a state', duration)
    .option(
      '--filter <pattern>',
      'only records that match this pattern, or another one that is given',
      gathered,
    )
    .option('--on-failure <place>', 'tell of batches that are given up: a stream, delivery:NAME or https://…')
  if (canClear) {
    command
      .option('--no-to', 'keep nothing of what the function returns')
      .option('--no-bisect', 'do not halve')
      .option('--no-partial', 'a batch fails or succeeds as a whole')
      .option('--no-filter', 'all records')
      .option('--no-on-failure', 'tell nobody')
  }
  return command
}

/** What the flags say of a function. */
export function functionInput({
  timeout,
  memory,
  env,
  description,
  watch,
}: FunctionFlags): Omit<FunctionInput, 'target'> {
  return {
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(memory !== undefined && { memoryMiB: wholeMiB(memory) }),
    ...(env !== undefined && { environment: env }),
    ...(description !== undefined && { description }),
    ...(watch !== undefined && { isWatched: watch }),
  }
}

/** What the flags say of a mapping; undefined where something is taken back. */
export function mappingSettings(flags: MappingFlags): MappingSettings {
  const { to, batchSize, window, parallel, retries, maxAge, bisect, partial, tumbling, filter, onFailure } =
    flags
  const settings = {
    ...(to !== undefined && { to: to === false ? undefined : { stream: to } }),
    ...(batchSize !== undefined && { batchSize }),
    ...(window !== undefined && { batchWindowMs: window }),
    ...(parallel !== undefined && { parallelizationFactor: parallel }),
    ...(retries !== undefined && { retriesMax: retries }),
    ...(maxAge !== undefined && { recordAgeMaxMs: maxAge }),
    ...(bisect !== undefined && { bisectsOnError: bisect }),
    ...(partial !== undefined && { reportsItemFailures: partial }),
    ...(tumbling !== undefined && { tumblingWindowMs: tumbling }),
    ...(filter !== undefined && { filters: filter === false ? [] : filter }),
    ...(onFailure !== undefined && { onFailure: onFailure === false ? undefined : failurePlace(onFailure) }),
  }
  // What is undefined here is taken back: the change is laid over what there is.
  return settings as MappingSettings
}

/** `NAME` or `stream:NAME`, `delivery:NAME`, or a url. */
function failurePlace(text: string): FailureDestination {
  if (/^https?:\/\//i.test(text)) return { type: 'http', url: text }
  const [, kind = 'stream', name = text] = /^(stream|delivery):(.*)$/.exec(text) ?? []
  return kind === 'delivery' ? { type: 'delivery', delivery: name } : { type: 'stream', stream: name }
}

function wholeMiB(bytes: number): number {
  if (bytes % MIB === 0) return bytes / MIB
  throw new Failure('--memory must be of whole MiB, such as 256MiB.', 'usage')
}

function gathered(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

function variable(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at <= 0) throw new InvalidArgumentError('Expected NAME=VALUE.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

function orForever(parse: (text: string) => number): (text: string) => number {
  return (text) => (text === 'forever' ? -1 : parse(text))
}
