// A harness for tests of handlers: `import … from '@millrace/functions/harness'`.
export { forSeeds, type SeedsOptions } from './for-seeds.ts'
export {
  createFunctionHarness,
  type FunctionHarness,
  type HarnessCall,
  type HarnessOutput,
  type HarnessRecord,
} from './harness.ts'
export type { HarnessHandler } from './handler-call.ts'
export { someFaults, type HarnessFaults, type HarnessOptions } from './options.ts'
export type { SeededRandom } from './seeded-random.ts'
export type { KinesisEvent, KinesisEventRecord } from '../events/kinesis-event.ts'
export type { FailureDocument } from '../failures/failure-document.ts'
