// The function that a mapping is to call: one that is registered here, and that the caller may read. Runs in the endpoint.
import type { AnyLambdaCall } from '../lambda-call.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { invalidParameter } from '../model/errors.ts'
import { functionNamed, LATEST_VERSION } from '../names.ts'

/** Its name. Fails with InvalidParameterValueException. */
export async function functionToCall(
  { documents, settings }: LambdaParts,
  call: AnyLambdaCall,
  text: string,
): Promise<string> {
  const { name, qualifier = LATEST_VERSION } = functionNamed(
    { region: call.region, account: settings.account },
    text,
  )
  const found = qualifier === LATEST_VERSION ? await documents.function(call, name) : undefined
  if (found === undefined) throw invalidParameter('Function does not exist')
  return name
}
