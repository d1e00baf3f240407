// A load test of Kinesis endpoints for `millrace bench`: what `import … from '@millrace/kinesis/load'` gives.
export { openKinesisLoad, type KinesisLoad, type KinesisLoadOptions } from './kinesis-load.ts'
