// The operations on encryption, policies and monitoring. Runs in the endpoint. What they set is kept and shown as the service shows
// it. The broker neither encrypts by the key nor asks the policy: the support table says so.
import type { Call, HandlersOf } from '../call.ts'
import { changeFacts, countedNow, inLastDay, requireMay, streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { resolveResource, type Resource, type ResourceCall } from '../book/resources.ts'
import type { StreamFacts } from '../book/stream-facts.ts'
import type { StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import { metricsOf, withMetrics, withoutMetrics, type MetricName } from './metrics.ts'

type ProtectionOperation =
  | 'StartStreamEncryption'
  | 'StopStreamEncryption'
  | 'PutResourcePolicy'
  | 'GetResourcePolicy'
  | 'DeleteResourcePolicy'
  | 'EnableEnhancedMonitoring'
  | 'DisableEnhancedMonitoring'

/** Changes of the key, or of whether there is one, of one stream in a day. */
const KEY_CHANGES_MAX = 25
/** A policy, in UTF-8. */
const POLICY_BYTES_MAX = 20 * 1024
/** What the service tells where there is no policy. */
const NO_POLICY = '{}'

export function protectionHandlers(parts: EndpointParts): HandlersOf<ProtectionOperation> {
  return {
    StartStreamEncryption: (call) => startEncryption(parts, call),
    StopStreamEncryption: (call) => stopEncryption(parts, call),
    PutResourcePolicy: async (call) => {
      const policy = checkedPolicy(call.input.Policy)
      const resource = await resourceToChange(parts, call)
      await resource.update((facts) => ({ ...facts, policy }))
      return {}
    },
    GetResourcePolicy: async (call) => {
      const { facts } = await resolveResource(parts, call)
      return { Policy: facts.policy ?? NO_POLICY }
    },
    DeleteResourcePolicy: async (call) => {
      const resource = await resourceToChange(parts, call)
      await resource.update((facts) => {
        if (facts.policy !== undefined) return { ...facts, policy: undefined }
        const message = `No resource policy found for resource ARN ${call.input.ResourceARN}.`
        throw new KinesisError('ResourceNotFoundException', message)
      })
      return {}
    },
    EnableEnhancedMonitoring: (call) => changeMetrics(parts, call, withMetrics),
    DisableEnhancedMonitoring: (call) => changeMetrics(parts, call, withoutMetrics),
  }
}

async function startEncryption(
  parts: EndpointParts,
  call: Call<'StartStreamEncryption'>,
): Promise<Record<string, never>> {
  const { KeyId: keyId } = call.input
  requireKms(call.input.EncryptionType)
  const view = await streamToChange(parts, call)
  await changeFacts(parts, view, (facts) => ({
    ...withKeyChange(parts, view, facts),
    encryption: { keyId },
  }))
  return {}
}

/** A stream that is not encrypted stays so. */
async function stopEncryption(
  parts: EndpointParts,
  call: Call<'StopStreamEncryption'>,
): Promise<Record<string, never>> {
  requireKms(call.input.EncryptionType)
  const view = await streamToChange(parts, call)
  if (view.facts.encryption === undefined) return {}
  await changeFacts(parts, view, (facts) => ({
    ...withKeyChange(parts, view, facts),
    encryption: undefined,
  }))
  return {}
}

function requireKms(type: 'NONE' | 'KMS'): void {
  if (type === 'KMS') return
  throw new KinesisError('InvalidArgumentException', `EncryptionType ${type} is not supported: only KMS is.`)
}

function withKeyChange(
  { settings, now }: EndpointParts,
  { name }: StreamView,
  facts: StreamFacts,
): StreamFacts {
  if (settings.rules === 'aws' && inLastDay(facts.keyChanges, now()).length >= KEY_CHANGES_MAX) {
    const message =
      `Encryption of stream ${name} under account ${settings.account} can be changed ${KEY_CHANGES_MAX} times in a rolling ` +
      '24-hour period.'
    throw new KinesisError('LimitExceededException', message)
  }
  return { ...facts, keyChanges: countedNow(facts.keyChanges, now()) }
}

/** A policy is a JSON object. */
function checkedPolicy(policy: string): string {
  if (Buffer.byteLength(policy) > POLICY_BYTES_MAX) {
    const message = `A resource policy has at most ${POLICY_BYTES_MAX} bytes.`
    throw new KinesisError('InvalidArgumentException', message)
  }
  try {
    const parsed: unknown = JSON.parse(policy)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return policy
  } catch {
    // Refused below.
  }
  throw new KinesisError('InvalidArgumentException', 'Invalid resource policy: it is not a JSON object.')
}

async function resourceToChange(parts: EndpointParts, call: ResourceCall): Promise<Resource> {
  const resource = await resolveResource(parts, call)
  await requireMay(parts, call, { action: 'manage', stream: resource.view.name })
  return resource
}

async function changeMetrics(
  parts: EndpointParts,
  call: Call<'EnableEnhancedMonitoring' | 'DisableEnhancedMonitoring'>,
  change: (on: readonly MetricName[], named: readonly MetricName[]) => readonly MetricName[],
) {
  const view = await streamToChange(parts, call)
  let before: readonly MetricName[] = []
  const after = await changeFacts(parts, view, (facts) => {
    before = metricsOf(facts)
    return { ...facts, shardLevelMetrics: change(before, call.input.ShardLevelMetrics) }
  })
  return {
    StreamName: view.name,
    StreamARN: view.arn,
    CurrentShardLevelMetrics: before,
    DesiredShardLevelMetrics: metricsOf(after),
  }
}
