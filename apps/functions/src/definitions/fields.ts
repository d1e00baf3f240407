// Defaults and bounds of functions and mappings: the one table, from which checks, help and documentation derive. Runs anywhere, pure.
// They are Lambda's.
import type { DefinitionField } from './field.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

export const functionFields = {
  timeoutMs: {
    kind: 'duration',
    default: 3 * SECOND,
    min: 1,
    max: 15 * MINUTE,
    doc: 'How long a call may take; then the handler is stopped, and the call has failed.',
  },
  memoryMiB: {
    kind: 'count',
    default: 128,
    min: 32,
    max: 10_240,
    doc: 'Memory of a thread that runs the module, in MiB.',
  },
  isWatched: { kind: 'switch', default: false, doc: 'Loads the module anew when its file changes.' },
} as const satisfies Record<string, DefinitionField>

export const mappingFields = {
  batchSize: {
    kind: 'count',
    default: 100,
    min: 1,
    max: 10_000,
    doc: 'Records of one call, at most.',
  },
  batchWindowMs: {
    kind: 'duration',
    default: 0,
    min: 0,
    max: 5 * MINUTE,
    doc: 'How long records are gathered for a call that is not full.',
  },
  parallelizationFactor: {
    kind: 'count',
    default: 1,
    min: 1,
    max: 10,
    doc: 'Calls for one shard at a time; records of one key stay in order.',
  },
  retriesMax: {
    kind: 'count',
    default: -1,
    min: 0,
    max: 10_000,
    also: { value: -1, means: 'until the records expire' },
    doc: 'How often a batch whose call failed is tried again before it is given up.',
  },
  recordAgeMaxMs: {
    kind: 'duration',
    default: -1,
    min: MINUTE,
    max: 7 * DAY,
    also: { value: -1, means: 'any age' },
    doc: 'Records that are older are given up.',
  },
  bisectsOnError: {
    kind: 'switch',
    default: false,
    doc: 'Halves a batch whose call failed, until the record that fails is alone. Halving uses up no retries.',
  },
  reportsItemFailures: {
    kind: 'switch',
    default: false,
    doc: 'The function says by batchItemFailures from which record on the batch is to be tried again.',
  },
  tumblingWindowMs: {
    kind: 'duration',
    default: 0,
    min: 0,
    max: 15 * MINUTE,
    doc: 'Length of windows through which the function keeps a state; 0: none.',
  },
} as const satisfies Record<string, DefinitionField>

/** Bounds of what is no number. */
export const definitionLimits = {
  /** Filters of a mapping, at most: Lambda has 5, and 10 on request. */
  filtersMax: 10,
  descriptionCharactersMax: 256,
  /** Characters of all names and values of the environment together. */
  environmentCharactersMax: 4096,
  tagsMax: 50,
  /** Ranges of records that are skipped by command and not passed yet. */
  skipsMax: 100,
} as const
