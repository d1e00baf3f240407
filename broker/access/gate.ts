// Checks a request against the grants of the one who sends it, by the `grant` column of the table of operations. Runs in every
// process that listens; pure. It decides before anything is looked up but the name behind a stream's id, so that the answer and
// the way to it are the same whether a thing that may not be seen exists or not.
// Not here, because only handlers can: lists show what may be seen (`shows`), requests about principals (`delegates`), and
// requests whose items are answered one by one (`each`, by StreamGrants).
import { invariant } from '../../protocol/invariant.ts'
import type { GrantRule, HiddenAs } from '../../protocol/operations/grant-rule.ts'
import { operations, type OperationName, type RequestOf, type ResponseOf } from '../../protocol/operations.ts'
import { noDocument, noGroup, noMember, noShard, noStream } from './absence.ts'
import { lacking, type Denial, type ActionOn } from './denial.ts'
import type { Identity } from './identity.ts'
import { StreamGrants } from './stream-grants.ts'

/** The name of a stream that this process serves. */
export type StreamNameOf = (streamId: number) => string | undefined

/** Returns why the request is refused; undefined where it may be served. */
export type Gate = <N extends OperationName>(
  operation: N,
  request: RequestOf<N>,
  identity: Identity,
) => Denial | undefined

type Key<T> = keyof T & string
/** A field, `list.field` of a list of structs, or fields joined by `/` that make one name. */
type PathIn<T> =
  | {
      [K in Key<T>]: NonNullable<T[K]> extends readonly (infer I)[]
        ? I extends object
          ? `${K}.${Key<I>}`
          : K
        : K
    }[Key<T>]
  | `${Key<T>}/${Key<T>}`

type RuleOver<N extends OperationName> =
  | (Extract<GrantRule, { rule: 'may' }> & { readonly at: PathIn<RequestOf<N>> })
  | (Extract<GrantRule, { rule: 'shows' }> & { readonly at: PathIn<ResponseOf<N>> })
  | Exclude<GrantRule, { rule: 'may' | 'shows' }>

// A path that leads nowhere in its operation does not compile here.
const rules: { readonly [N in OperationName]: { readonly grant: readonly RuleOver<N>[] } } = operations

type MayRule = Extract<GrantRule, { rule: 'may' }>
type AnyRequest = Readonly<Record<string, unknown>>
type Check = (request: AnyRequest, identity: Identity) => Denial | undefined

/** Makes the gate of a process. `streamNameOf` is needed where requests name streams by their ids. */
export function createGate(streamNameOf: StreamNameOf = () => undefined): Gate {
  const checks = new Map<string, readonly Check[]>(
    Object.entries(rules).map(([operation, { grant }]) => [operation, checksOf(grant, streamNameOf)]),
  )
  return (operation, request, identity) => {
    for (const check of checks.get(operation)!) {
      const denial = check(request, identity)
      if (denial !== undefined) return denial
    }
    return undefined
  }
}

function checksOf(grant: readonly GrantRule[], streamNameOf: StreamNameOf): readonly Check[] {
  return grant.flatMap((rule) => {
    if (rule.rule === 'mayBroker') {
      const wanted = { action: rule.action, kind: 'broker', name: '*' } as const
      return [(_request, identity) => (isAllowed(identity, wanted) ? undefined : lacking(identity, wanted))]
    }
    if (rule.rule !== 'may' || rule.each) return []
    return rule.by === 'id' ? [byId(rule, streamNameOf)] : [byName(rule)]
  })
}

function byName(rule: MayRule): Check {
  const namesIn = reader(rule.at)
  return (request, identity) => {
    for (const name of namesIn(request)) {
      const denial = denialOf(identity, { action: rule.action, kind: rule.on, name }, (wanted) =>
        hiddenName(rule.hidden, wanted, request, identity),
      )
      if (denial !== undefined) return denial
    }
    return undefined
  }
}

/** Decides by what is remembered: these are data requests. */
function byId({ action, at }: MayRule, streamNameOf: StreamNameOf): Check {
  const grants = new StreamGrants()
  return (request, identity) => {
    const streamId = request[at] as number
    const name = streamNameOf(streamId)
    // The handler says of an id that is not served here what is said below.
    if (name === undefined) return undefined
    const verdict = grants.of(identity, action, { streamId, streamName: name })
    if (verdict === 'allowed') return undefined
    const missing = lacking(identity, { action, kind: 'stream', name })
    if (verdict === 'lacking') return missing
    return { ...missing, code: 'shardNotFound', message: noShard(streamId, request.shardIndex as number) }
  }
}

/** Denies what is not granted: as missing what may be seen, and as not there what may not. */
function denialOf(
  identity: Identity,
  wanted: ActionOn,
  hidden: (wanted: ActionOn) => Omit<Denial, 'missing'>,
): Denial | undefined {
  if (isAllowed(identity, wanted)) return undefined
  const missing = lacking(identity, wanted)
  const isShown = isAllowed(identity, { ...wanted, action: 'describe' })
  return isShown ? missing : { ...hidden(wanted), missing: missing.missing }
}

function hiddenName(
  hidden: HiddenAs,
  wanted: ActionOn,
  request: AnyRequest,
  identity: Identity,
): Omit<Denial, 'missing'> {
  const { name } = wanted
  switch (hidden) {
    case 'streamNotFound':
      return { code: hidden, message: noStream(name) }
    case 'groupNotFound':
      return { code: hidden, message: noGroup(name) }
    case 'documentNotFound':
      return { code: hidden, message: noDocument(name) }
    case 'memberNotFound':
      return { code: hidden, message: noMember(name, request.memberId as string) }
    case 'permissionDenied':
      return lacking(identity, wanted)
    case 'shardNotFound':
      invariant(false, 'a shard is named by ids')
  }
}

function isAllowed(identity: Identity, { action, kind, name }: ActionOn): boolean {
  return identity.may(action, kind, name)
}

/** Compiles a path to a function that reads the names there. */
function reader(at: string): (request: AnyRequest) => readonly string[] {
  const [list, inner] = at.split('.') as [string, string | undefined]
  if (inner !== undefined) {
    return (request) => (request[list] as readonly AnyRequest[]).map((item) => item[inner] as string)
  }
  const fields = at.split('/')
  return (request) => [fields.map((field) => request[field] as string).join('/')]
}
