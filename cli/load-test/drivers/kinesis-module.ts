// The load of Kinesis endpoints as `bench` uses it: a module of the app kinesis, found as an installed package and loaded when it is
// asked for. The types are the app's promise to the command line; a test holds the app to them.
import { importAppModule } from '../../apps/app-module.ts'
import type { LoadDriver } from './driver.ts'

export interface KinesisLoadOptions {
  /** Url of the endpoint; by default that of AWS in the region. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly profile?: string | undefined
  /** How long each shard is left alone between two GetRecords. */
  readonly pollMs: number
}

/** The module `load` of the app's package. */
export interface KinesisLoadModule {
  openKinesisLoad(options: KinesisLoadOptions): Promise<LoadDriver>
}

/** Loads the module. Throws Failure with what to do where the app is not installed. */
export async function loadKinesisModule(resolve?: (name: string) => string): Promise<KinesisLoadModule> {
  return importAppModule<KinesisLoadModule>('kinesis', 'load', resolve)
}
