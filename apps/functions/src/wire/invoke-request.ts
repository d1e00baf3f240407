// What a request at the port where functions are called asks for. Pure.
import { refusals } from './invoke-error.ts'

export interface InvokeRequest {
  readonly name: string
  readonly type: 'RequestResponse' | 'Event' | 'DryRun'
  readonly wantsLog: boolean
}

export interface InvokeHead {
  readonly method: string
  readonly url: string
  readonly header: (name: string) => string | undefined
}

const PATH = /^\/2015-03-31\/functions\/([^/?]+)\/invocations\/?$/
const TYPES = new Set(['RequestResponse', 'Event', 'DryRun'])

/** Reads the head of a request. Fails with Refusal. */
export function invokeRequestOf({ method, url, header }: InvokeHead): InvokeRequest {
  const [path = '', query = ''] = url.split('?', 2)
  const named = PATH.exec(path)?.[1]
  if (method !== 'POST' || named === undefined) throw refusals.noSuchOperation(method, path)
  const type = header('x-amz-invocation-type') ?? 'RequestResponse'
  if (!TYPES.has(type))
    throw refusals.invalid(`X-Amz-Invocation-Type is ${type}; it is RequestResponse, Event or DryRun.`)
  const logType = header('x-amz-log-type') ?? 'None'
  if (logType !== 'None' && logType !== 'Tail')
    throw refusals.invalid(`X-Amz-Log-Type is ${logType}; it is None or Tail.`)
  const { name, qualifier = new URLSearchParams(query).get('Qualifier') ?? undefined } = functionNameOf(
    decoded(named),
  )
  if (qualifier !== undefined && qualifier !== '$LATEST') {
    throw refusals.notFound(`${name}:${qualifier} (there are no versions and aliases but $LATEST)`)
  }
  return { name, type: type as InvokeRequest['type'], wantsLog: logType === 'Tail' }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refusals.invalid('The name of the function is not percent-encoded well.')
  }
}

/** A name, `account:function:name`, or a whole ARN, each with or without a qualifier. */
function functionNameOf(text: string): { readonly name: string; readonly qualifier?: string } {
  const marker = /^(?:.*:)?function:(.*)$/.exec(text)?.[1] ?? text
  const [name = '', qualifier] = marker.split(':')
  return { name, ...(qualifier !== undefined && { qualifier }) }
}
