// The migration to and from Kinesis as its verbs use it: a module of the app kinesis, found as an installed package and loaded when a
// verb is chosen. The types are the app's promise to the command line; a test holds the app to them.
import type { Client } from '../../../client/index.ts'
import { importAppModule } from '../../apps/app-module.ts'
import { Failure } from '../../failure.ts'

/** What both directions are told. */
export interface MigrationTask {
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly profile?: string | undefined
  readonly stream: string
  readonly start?: 'TRIM_HORIZON' | { readonly atTimestamp: number }
  readonly follow: boolean
  readonly signal: AbortSignal
  readonly onNotice: (sentence: string) => void
}

/** What a copy has come to, in either direction. */
export interface MigrationTally {
  readonly records: number
  readonly bytes: number
  readonly isResumed: boolean
  readonly isTargetMade: boolean
}

interface ImportCounts extends MigrationTally {
  readonly alreadyStored: number
  readonly shards: number
  readonly behindMs: number | undefined
}

/** The module `migration` of the app's package. */
export interface MigrationModule {
  importFromAws(
    client: Client,
    task: MigrationTask & {
      readonly to: string
      readonly deaggregate: boolean
      readonly withHeaders: boolean
      readonly compression: 'none' | 'gzip' | 'zstd'
      readonly onProgress: (tally: ImportCounts) => void
    },
  ): Promise<ImportCounts>
  exportToAws(
    client: Client,
    task: MigrationTask & {
      readonly from: string
      readonly looseOrder: boolean
      readonly onProgress: (tally: MigrationTally) => void
    },
  ): Promise<MigrationTally>
}

/** Loads the module. Throws Failure with what to do where the app is not installed. */
export async function loadMigration(resolve?: (name: string) => string): Promise<MigrationModule> {
  return importAppModule<MigrationModule>('kinesis', 'migration', resolve)
}

/** A failure of the other side as a sentence; failures of the broker and of the machine stay as they are. */
export function awsFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Failure) return error
  const { $metadata } = error as { readonly $metadata?: unknown }
  const isOfCredentials = /Credential/.test(error.name)
  if ($metadata === undefined && !isOfCredentials && error.name !== 'ImportDisplaced') return error
  if (error.name === 'ImportDisplaced') return new Failure(error.message)
  if (error.name === 'ResourceNotFoundException') return new Failure(`Kinesis: ${error.message}`, 'notFound')
  const isDenied = isOfCredentials || /AccessDenied|UnrecognizedClient|InvalidSignature/.test(error.name)
  return new Failure(`Kinesis: ${error.name}: ${error.message}`, isDenied ? 'denied' : 'failed')
}
