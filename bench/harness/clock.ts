// The clock of the bench is that of its open loops, so that a subscriber's process can compare times of a producer's process.
export { monotonicMs } from '../../cli/load-test/pacing/clock.ts'
