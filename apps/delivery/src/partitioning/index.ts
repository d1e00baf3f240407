// Partitions of records by expressions of jq: the check at creation, and what a pipeline evaluates them with.
export { queriesRefusal } from './check-queries.ts'
export { JqThread, sharedJq } from './jq-thread.ts'
export { keySafe, VALUE_CHARACTERS_MAX } from './partition-value.ts'
export { makePartitioner, type Partition, type Partitioner } from './partitioner.ts'
