// CreateEventSourceMapping. Runs in the endpoint. Answers when the mapping is kept; it is Creating until the app functions takes it on.
import {
  MAPPING_BEING_MADE,
  mappingBefore,
  type EventSourceMapping,
  type MappingStart,
} from 'millrace/protocol'
import type { LambdaCall } from '../lambda-call.ts'
import { noMapping } from '../lambda-documents.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { invalidParameter, LambdaError } from '../model/errors.ts'
import type { LambdaInput } from '../model/operations.ts'
import { checkedTags } from '../tags.ts'
import { destinationBy } from './destination.ts'
import { givenBy, withGiven } from './given.ts'
import { functionToCall } from './function-to-call.ts'
import { checkTogether, mappingDefaults, refuseForeign, settingsBy } from './settings.ts'
import { sourceNamed, type MappingSource } from './source.ts'

type CreateCall = LambdaCall<'CreateEventSourceMapping'>

/** Keeps a new mapping; returns it under its UUID. */
export async function createMapping(
  parts: LambdaParts,
  call: CreateCall,
): Promise<{ readonly uuid: string; readonly mapping: EventSourceMapping }> {
  const { input } = call
  refuseForeign(input)
  const { EventSourceArn: arn, StartingPosition, DestinationConfig, Tags } = input
  if (arn === undefined) throw missing('eventSourceArn')
  const settings = { ...mappingDefaults, ...settingsBy(input) }
  const now = parts.now()
  const from = startBy(input, now)
  const name = await functionToCall(parts, call, input.FunctionName)
  const source = await sourceNamed(parts, call, arn)
  const onFailure = DestinationConfig && (await destinationBy(parts, call, DestinationConfig))
  checkTogether({ ...settings, source, ...(onFailure !== undefined && { onFailure }) })
  await refuseSecond(parts, call, { arn, name, source })
  const mapping: EventSourceMapping = {
    function: name,
    source: {
      stream: source.stream,
      from,
      ...(source.consumer !== undefined && { consumer: source.consumer }),
    },
    ...settings,
    tags: checkedTags(Tags ?? {}),
    ...(onFailure !== undefined && { onFailure }),
    ...withGiven(undefined, {
      EventSourceArn: arn,
      ...(StartingPosition !== undefined && { StartingPosition }),
      ...givenBy(input),
    }),
    createdAt: now,
    updatedAt: now,
    version: MAPPING_BEING_MADE,
  }
  const uuid = parts.uuid()
  const { documents } = parts
  const version = await documents.makeMapping(call, uuid, mapping)
  // Other doors make mappings too.
  const first = mappingBefore(await documents.mappings(call), { name: uuid, version, value: mapping })
  if (first !== undefined) {
    await documents.withdrawMapping(call, uuid)
    throw existing({ arn, name, uuid: first.name })
  }
  const made = await documents.changeMapping(call, uuid, (found) => {
    if (found.state === 'deleting') throw noMapping()
    return found.version === MAPPING_BEING_MADE ? { ...found, version: 1 } : found
  })
  return { uuid, mapping: made }
}

/** A function has one mapping to a stream, or to a consumer of it. */
export async function refuseSecond(
  { documents }: LambdaParts,
  call: LambdaCall<'CreateEventSourceMapping' | 'UpdateEventSourceMapping'>,
  wanted: {
    readonly arn: string
    readonly name: string
    readonly source: MappingSource
    /** The mapping itself, where it is there. */
    readonly uuid?: string
  },
): Promise<void> {
  const { arn, name, source } = wanted
  const found = (await documents.mappings(call)).find(
    ({ name: uuid, value }) =>
      uuid !== wanted.uuid &&
      value.function === name &&
      value.source.stream === source.stream &&
      value.source.consumer === source.consumer,
  )
  if (found === undefined) return
  throw existing({ arn, name, uuid: found.name })
}

function existing({ arn, name, uuid }: Record<'arn' | 'name' | 'uuid', string>): LambdaError {
  return new LambdaError(
    'ResourceConflictException',
    `The event source arn (" ${arn} ") and function (" ${name} ") provided mapping already exists. Please update or delete the existing mapping with UUID ${uuid}`,
  )
}

/** Where to begin. LATEST is now: records that are put before the app begins are not missed. */
function startBy(
  {
    StartingPosition: position,
    StartingPositionTimestamp: moment,
  }: Pick<LambdaInput<'CreateEventSourceMapping'>, 'StartingPosition' | 'StartingPositionTimestamp'>,
  now: number,
): MappingStart {
  if (position === undefined) throw missing('startingPosition')
  if (position !== 'AT_TIMESTAMP') {
    if (moment !== undefined) {
      throw invalidParameter(`StartingPositionTimestamp is not valid with the StartingPosition ${position}.`)
    }
    return position === 'LATEST' ? { atTimestamp: now } : position
  }
  if (moment === undefined) {
    throw invalidParameter('StartingPositionTimestamp is required with the StartingPosition AT_TIMESTAMP.')
  }
  const atTimestamp = moment.getTime()
  if (atTimestamp > now) throw invalidParameter('StartingPositionTimestamp cannot be in the future.')
  return { atTimestamp: Math.max(atTimestamp, 0) }
}

function missing(member: string): LambdaError {
  return invalidParameter(
    `1 validation error detected: Value null at '${member}' failed to satisfy constraint: Member must not be null.`,
  )
}
