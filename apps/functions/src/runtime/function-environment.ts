// What a function knows of itself: its ARN, and the variables that Lambda sets. Pure. A module sees these and those of its definition; the
// app's own environment may hold secrets that are not the function's.
import type { FunctionDefinition } from 'millrace/protocol'

/** Where functions and streams are, in the words of AWS: as the Kinesis endpoint says by default. */
export const REGION = 'us-east-1'
export const ACCOUNT = '000000000000'

export function functionArn(name: string): string {
  return `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`
}

/** The whole environment of a module. */
export function functionEnvironment(
  name: string,
  { environment, memoryMiB, target }: Pick<FunctionDefinition, 'environment' | 'memoryMiB' | 'target'>,
): Readonly<Record<string, string>> {
  return {
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    ...environment,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMiB),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: name,
    ...(target.type === 'module' && { _HANDLER: target.handler }),
  }
}
