// Names of the Firehose API: ARNs of delivery streams, and what ARNs of others stand for here. Pure.
import { partitionOf } from '../identifiers/arn.ts'
import { invalid } from './model/errors.ts'

/** The only destination of a delivery stream has this id, as in the service. */
export const DESTINATION_ID = 'destinationId-000000000001'

/** `arn:aws:firehose:us-east-1:000000000000:deliverystream/lake` */
export function deliveryStreamArn(place: {
  readonly region: string
  readonly account: string
  readonly name: string
}): string {
  const { region, account, name } = place
  return `arn:${partitionOf(region)}:firehose:${region}:${account}:deliverystream/${name}`
}

/** The bucket of an ARN that the model lets pass. */
export function bucketOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1)
}

/** The name of a function in its ARN, without account, version and alias. Whatever is no ARN is a name, or a url. */
export function functionOf(arn: string): string {
  const found = /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)(?::[^:]+)?$/.exec(arn)
  if (found !== null) return found[1]!
  if (arn.startsWith('arn:')) throw invalid(`${arn} is no ARN of a Lambda function.`)
  return arn
}
