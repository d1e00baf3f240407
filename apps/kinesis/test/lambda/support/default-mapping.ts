// What Lambda says of a mapping that was made with nothing but a function and a stream, as its documentation has the defaults.

/** Fields that do not depend on what the mapping is of. */
export const defaultMapping = {
  BatchSize: 100,
  MaximumBatchingWindowInSeconds: 0,
  ParallelizationFactor: 1,
  LastProcessingResult: 'No records processed',
  State: 'Creating',
  StateTransitionReason: 'User action',
  DestinationConfig: { OnFailure: {} },
  MaximumRecordAgeInSeconds: -1,
  BisectBatchOnFunctionError: false,
  MaximumRetryAttempts: -1,
  TumblingWindowInSeconds: 0,
  FunctionResponseTypes: [],
} as const
