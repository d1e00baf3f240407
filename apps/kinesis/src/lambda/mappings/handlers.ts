// The handlers of event source mappings. Runs in the endpoint.
import type { EventSourceMapping } from 'millrace/protocol'
import { parseResourceArn } from '../../identifiers/arn.ts'
import type { AnyLambdaCall, LambdaCall, LambdaHandlersOf } from '../lambda-call.ts'
import type { LambdaParts } from '../lambda-parts.ts'
import { LambdaError } from '../model/errors.ts'
import type { LambdaOutput } from '../model/operations.ts'
import { functionNamed } from '../names.ts'
import { pageOf } from '../pages.ts'
import { createMapping, refuseSecond } from './create.ts'
import { describeMapping } from './description.ts'
import { destinationBy } from './destination.ts'
import { functionToCall } from './function-to-call.ts'
import { givenBy, givenOf, withGiven } from './given.ts'
import { checkTogether, settingsBy } from './settings.ts'
import { sourceArn } from './source.ts'

type MappingsOperation =
  | 'CreateEventSourceMapping'
  | 'GetEventSourceMapping'
  | 'ListEventSourceMappings'
  | 'UpdateEventSourceMapping'
  | 'DeleteEventSourceMapping'

/** Mappings of a page, as in the service. */
const PAGE_MAX = 100

export function mappingsHandlers(parts: LambdaParts): LambdaHandlersOf<MappingsOperation> {
  const { documents } = parts
  // One after the other: of two that ask for the same mapping at once, one is refused.
  let line: Promise<unknown> = Promise.resolve()
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const done = line.then(work)
    line = done.catch(() => {})
    return done
  }
  return {
    CreateEventSourceMapping: async (call) => {
      const { uuid, mapping } = await inLine(() => createMapping(parts, call))
      return described(parts, call, uuid, mapping)
    },
    GetEventSourceMapping: async (call) => {
      const { UUID: uuid } = call.input
      return described(parts, call, uuid, await documents.mapping(call, uuid))
    },
    ListEventSourceMappings: (call) => listMappings(parts, call),
    UpdateEventSourceMapping: async (call) => {
      const mapping = await inLine(() => updateMapping(parts, call))
      return described(parts, call, call.input.UUID, mapping)
    },
    DeleteEventSourceMapping: (call) => deleteMapping(parts, call),
  }
}

async function updateMapping(
  parts: LambdaParts,
  call: LambdaCall<'UpdateEventSourceMapping'>,
): Promise<EventSourceMapping> {
  const { documents, now } = parts
  const { UUID: uuid, FunctionName, DestinationConfig } = call.input
  const settings = settingsBy(call.input)
  const found = await documents.mapping(call, uuid)
  const name = FunctionName === undefined ? undefined : await functionToCall(parts, call, FunctionName)
  if (name !== undefined) {
    const arn = await arnOf(parts, call, found)
    await refuseSecond(parts, call, { arn, name, source: found.source, uuid })
  }
  const onFailure = DestinationConfig && (await destinationBy(parts, call, DestinationConfig))
  return documents.changeMapping(call, uuid, (before) => {
    if (before.state === 'deleting') {
      throw new LambdaError(
        'ResourceInUseException',
        'Cannot update the event source mapping because it is in use.',
      )
    }
    const { onFailure: onFailureBefore, asGiven, ...rest } = before
    const destination = DestinationConfig === undefined ? onFailureBefore : onFailure
    const changed: EventSourceMapping = {
      ...rest,
      ...settings,
      ...(name !== undefined && { function: name }),
      ...(destination !== undefined && { onFailure: destination }),
      ...withGiven(asGiven, givenBy(call.input)),
      updatedAt: now(),
      version: before.version + 1,
    }
    checkTogether(changed)
    return changed
  })
}

/** Says that it is to be deleted: the app ends its work, and removes it; where no app has it, it goes at once. */
async function deleteMapping(
  parts: LambdaParts,
  call: LambdaCall<'DeleteEventSourceMapping'>,
): Promise<LambdaOutput<'DeleteEventSourceMapping'>> {
  const { documents, now } = parts
  const { UUID: uuid } = call.input
  const mapping = await documents.changeMapping(call, uuid, (before) =>
    before.state === 'deleting' ? before : { ...before, state: 'deleting', updatedAt: now() },
  )
  const answer = await described(parts, call, uuid, mapping)
  await documents.translated(call, `event-source-mapping:${uuid}`, () => documents.removeIdle(uuid))
  return answer
}

async function listMappings(
  parts: LambdaParts,
  call: LambdaCall<'ListEventSourceMappings'>,
): Promise<LambdaOutput<'ListEventSourceMappings'>> {
  const { EventSourceArn: arn, FunctionName } = call.input
  const home = { region: call.region, account: parts.settings.account }
  const name = FunctionName === undefined ? undefined : functionNamed(home, FunctionName).name
  const isOfSource = arn === undefined ? () => true : sourceTest(arn, home)
  const wanted = (await parts.documents.mappings(call)).filter(
    ({ value }) => (name === undefined || value.function === name) && isOfSource(value.source),
  )
  const { items, NextMarker } = pageOf(wanted, call.input, PAGE_MAX)
  const EventSourceMappings = await Promise.all(
    items.map(({ name: uuid, value }) => described(parts, call, uuid, value)),
  )
  return { NextMarker, EventSourceMappings }
}

function sourceTest(
  arn: string,
  home: { readonly region: string; readonly account: string },
): (source: EventSourceMapping['source']) => boolean {
  const place = parseResourceArn(arn)
  if (place === undefined || place.kind === 'channel') return () => false
  if (place.region !== home.region || place.account !== home.account) return () => false
  const consumer = place.kind === 'consumer' ? place.consumer : undefined
  return (source) => source.stream === place.name && source.consumer === consumer
}

async function described(
  parts: LambdaParts,
  call: AnyLambdaCall,
  uuid: string,
  mapping: EventSourceMapping,
): Promise<LambdaOutput<'GetEventSourceMapping'>> {
  const { documents, settings } = parts
  const [report, arn] = await Promise.all([documents.report(uuid), arnOf(parts, call, mapping)])
  const home = { region: call.region, account: settings.account }
  return describeMapping({ uuid, mapping, report, sourceArn: arn }, home)
}

async function arnOf(parts: LambdaParts, call: AnyLambdaCall, mapping: EventSourceMapping): Promise<string> {
  return givenOf(mapping).EventSourceArn ?? (await sourceArn(parts, call, mapping.source))
}
