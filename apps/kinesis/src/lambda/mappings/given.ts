// What a mapping was given through the Lambda API beside what it does, as it is kept so that descriptions show it again. Pure.
import type { EventSourceMapping } from 'millrace/protocol'
import type { LambdaInput } from '../model/operations.ts'

type CreateInput = LambdaInput<'CreateEventSourceMapping'>

/** JSON. Stream, consumer and starting position of a mapping never change. */
export interface GivenMapping {
  readonly EventSourceArn?: string
  readonly StartingPosition?: CreateInput['StartingPosition']
  readonly KMSKeyArn?: string
  readonly MetricsConfig?: CreateInput['MetricsConfig']
}

/** The door's name in `asGiven`. */
const DOOR = 'lambda'

/** Empty for a mapping that was made through another door. */
export function givenOf({ asGiven }: Pick<EventSourceMapping, 'asGiven'>): GivenMapping {
  return (asGiven?.[DOOR] as GivenMapping | undefined) ?? {}
}

/** What is kept, with what is given now. What another door keeps stays. */
export function withGiven(
  before: EventSourceMapping['asGiven'],
  given: GivenMapping,
): Pick<EventSourceMapping, 'asGiven'> {
  const { KMSKeyArn, MetricsConfig, ...fixed }: GivenMapping = {
    ...givenOf({ ...(before && { asGiven: before }) }),
    ...given,
  }
  const all: GivenMapping = {
    ...fixed,
    // An empty one takes back what was given.
    ...(KMSKeyArn !== undefined && KMSKeyArn !== '' && { KMSKeyArn }),
    ...((MetricsConfig?.Metrics ?? []).length > 0 && { MetricsConfig }),
  }
  return Object.keys(all).length === 0 && before === undefined ? {} : { asGiven: { ...before, [DOOR]: all } }
}

/** What may be given at creation, and changed. */
export function givenBy({
  KMSKeyArn,
  MetricsConfig,
}: Pick<CreateInput, 'KMSKeyArn' | 'MetricsConfig'>): GivenMapping {
  return { ...(KMSKeyArn !== undefined && { KMSKeyArn }), ...(MetricsConfig && { MetricsConfig }) }
}
