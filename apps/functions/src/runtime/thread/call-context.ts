// The context of a call, as Lambda's Node runtime has it. Runs in the threads that run handlers, and in tests of handlers. Pure.

export interface CallContext {
  readonly functionName: string
  readonly functionVersion: string
  readonly invokedFunctionArn: string
  readonly memoryLimitInMB: string
  readonly awsRequestId: string
  readonly logGroupName: string
  readonly logStreamName: string
  callbackWaitsForEmptyEventLoop: boolean
  getRemainingTimeInMillis(): number
}

export function callContext({
  functionName,
  functionArn,
  memoryMiB,
  requestId,
  remainingMs,
}: {
  readonly functionName: string
  readonly functionArn: string
  readonly memoryMiB: number
  readonly requestId: string
  readonly remainingMs: () => number
}): CallContext {
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn,
    memoryLimitInMB: String(memoryMiB),
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: functionName,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: remainingMs,
  }
}
