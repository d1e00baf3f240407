// Names of the Lambda API: functions by name, partial ARN and ARN, and ARNs of what is here. Pure.
import { partitionOf } from '../identifiers/arn.ts'
import { LambdaError } from './model/errors.ts'

/** Where names are at home. */
export interface Home {
  readonly region: string
  readonly account: string
}

/** A function as a request names it. */
export interface FunctionNaming {
  readonly name: string
  /** Version or alias; undefined where none is named. */
  readonly qualifier: string | undefined
}

/** The only version of a function. */
export const LATEST_VERSION = '$LATEST'

export function functionArn({ region, account }: Home, name: string): string {
  return `arn:${partitionOf(region)}:lambda:${region}:${account}:function:${name}`
}

export function mappingArn({ region, account }: Home, uuid: string): string {
  return `arn:${partitionOf(region)}:lambda:${region}:${account}:event-source-mapping:${uuid}`
}

const NAMED =
  /^(?:arn:aws[a-z-]*:lambda:)?(?:([a-z]{2}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::([a-zA-Z0-9-_$.]+))?$/

/** Fails with ResourceNotFoundException for a function of another region, and with AccessDeniedException for one of another account. */
export function functionNamed(home: Home, text: string): FunctionNaming {
  const [, region, account, name = text, qualifier] = NAMED.exec(text) ?? []
  if (region !== undefined && region !== home.region) {
    throw new LambdaError(
      'ResourceNotFoundException',
      `Functions from '${region}' are not reachable in this region ('${home.region}')`,
    )
  }
  if (account !== undefined && account !== home.account) {
    throw new LambdaError('AccessDeniedException', `Functions of the account ${account} are not served here.`)
  }
  return { name, qualifier }
}

export function functionNotFound(home: Home, { name, qualifier }: FunctionNaming): LambdaError {
  const version = qualifier === undefined ? '' : `:${qualifier}`
  return new LambdaError(
    'ResourceNotFoundException',
    `Function not found: ${functionArn(home, name)}${version}`,
  )
}

/** What tags can be on. */
export type TaggedThing =
  { readonly kind: 'function'; readonly name: string } | { readonly kind: 'mapping'; readonly uuid: string }

/** What an ARN names that tags can be on; undefined for one of elsewhere, or of something else. */
export function taggedThing(home: Home, arn: string): TaggedThing | undefined {
  const [, region, account, kind, name = ''] =
    /^arn:[^:]+:lambda:([^:]+):(\d{12}):(function|event-source-mapping):([^:]+)(?::\$LATEST)?$/.exec(arn) ??
    []
  if (region !== home.region || account !== home.account) return undefined
  return kind === 'function' ? { kind, name } : { kind: 'mapping', uuid: name }
}
