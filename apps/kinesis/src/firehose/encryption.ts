// Encryption of delivery streams: the choice is kept and shown, and nothing is encrypted by it. Runs in the endpoint.
import type { DeliveryDefinition } from 'millrace/protocol'
import type { FirehoseCall, FirehoseHandlersOf } from './firehose-call.ts'
import type { FirehoseParts } from './firehose-parts.ts'
import { givenOf, withGiven, type GivenEncryption } from './given.ts'
import { invalid } from './model/errors.ts'

interface EncryptionInput {
  readonly KeyType: 'AWS_OWNED_CMK' | 'CUSTOMER_MANAGED_CMK'
  readonly KeyARN?: string | undefined
}

export function encryptionOf({ KeyType, KeyARN }: EncryptionInput): GivenEncryption {
  if (KeyType === 'CUSTOMER_MANAGED_CMK' && KeyARN === undefined) {
    throw invalid('KeyARN is required for the KeyType CUSTOMER_MANAGED_CMK.')
  }
  if (KeyType === 'AWS_OWNED_CMK' && KeyARN !== undefined) {
    throw invalid('KeyARN must not be given for the KeyType AWS_OWNED_CMK.')
  }
  return { Status: 'ENABLED', KeyType, ...(KeyARN !== undefined && { KeyARN }) }
}

type EncryptionOperation = 'StartDeliveryStreamEncryption' | 'StopDeliveryStreamEncryption'

export function encryptionHandlers(parts: FirehoseParts): FirehoseHandlersOf<EncryptionOperation> {
  return {
    StartDeliveryStreamEncryption: async (call) => {
      const { DeliveryStreamEncryptionConfigurationInput: input } = call.input
      await encrypt(parts, call, encryptionOf(input ?? { KeyType: 'AWS_OWNED_CMK' }))
      return {}
    },
    StopDeliveryStreamEncryption: async (call) => {
      await encrypt(parts, call, { Status: 'DISABLED' })
      return {}
    },
  }
}

async function encrypt(
  { deliveries }: FirehoseParts,
  call: FirehoseCall<EncryptionOperation>,
  encryption: GivenEncryption,
): Promise<void> {
  await deliveries.change(call, call.input.DeliveryStreamName, (before): DeliveryDefinition => {
    const given = givenOf(before)
    if (given === undefined) {
      throw invalid(
        'This delivery was made or changed through another door: this API has no place to keep its encryption.',
      )
    }
    if (given.type !== 'DirectPut') {
      throw invalid('Encryption is only allowed for delivery streams of the type DirectPut.')
    }
    return withGiven(before, { ...given, encryption })
  })
}
