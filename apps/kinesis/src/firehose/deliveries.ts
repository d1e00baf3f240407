// Deliveries as the endpoint knows them: documents that the app delivery carries out. Runs in the endpoint. Requests read and change them
// by their callers' clients, so that the broker's grants decide; puts look them up in memory.
import { MillraceError, type Client, type KeptDocuments } from 'millrace'
import { deleteOwnStream, makeWithOwnStream } from 'millrace/app'
import { deliveryKinds, ownStreamOf, type DeliveryDefinition, type DeliveryVerdict } from 'millrace/protocol'
import type { EndpointParts } from '../parts.ts'
import type { FirehoseCall } from './firehose-call.ts'
import { FirehoseError } from './model/errors.ts'
import type { FirehoseOperationName } from './model/operations.ts'
import { deliveryStreamArn } from './names.ts'

type AnyCall = Pick<FirehoseCall<FirehoseOperationName>, 'operation' | 'caller' | 'region'>
type DefinitionChange = (before: DeliveryDefinition) => DeliveryDefinition

export class Deliveries {
  readonly #own: Client
  readonly #account: string
  readonly #kept: KeptDocuments<DeliveryDefinition>

  private constructor(own: Client, account: string, kept: KeptDocuments<DeliveryDefinition>) {
    this.#own = own
    this.#account = account
    this.#kept = kept
  }

  /** Reads what there is, and follows it until the client is closed. */
  static async open({
    own,
    settings,
    log,
  }: Pick<EndpointParts, 'own' | 'settings' | 'log'>): Promise<Deliveries> {
    const kept = await own.documents<DeliveryDefinition>(deliveryKinds.definitions).keep({
      onLost: (error) => log({ level: 'warn', message: 'Deliveries are not told for a while.', error }),
    })
    return new Deliveries(own, settings.account, kept)
  }

  /** The definition of a delivery for those who put records. Throws ResourceNotFoundException. */
  async known(name: string): Promise<DeliveryDefinition> {
    const found = this.#kept.get(name) ?? (await this.#kept.read(name))?.value
    if (found === undefined || found.state === 'deleting' || found.state === 'making')
      throw this.notFound(name)
    return found
  }

  /** The definition as it is now, if the caller may read it. Throws ResourceNotFoundException. */
  async read(call: AnyCall, name: string): Promise<DeliveryDefinition> {
    const document = await this.translated(call, name, () => documentsOf(call).get(name))
    if (document === undefined) throw this.notFound(name)
    return document.value
  }

  /** Makes a definition. Throws ResourceInUseException where there is one. */
  async make(call: AnyCall, name: string, definition: DeliveryDefinition): Promise<void> {
    await this.translated(call, name, () => documentsOf(call).put(name, definition, { expectedVersion: 0 }))
  }

  /** Makes a definition with the stream behind it. Throws ResourceInUseException where there is one, or such a stream. */
  async makeDirect(call: AnyCall, name: string, definition: DeliveryDefinition): Promise<void> {
    const outcome = await this.translated(call, name, () =>
      makeWithOwnStream(call.caller.client, name, definition),
    )
    if ('made' in outcome) return
    throw new FirehoseError(
      'ResourceInUseException',
      outcome.refused === 'exists'
        ? `Firehose ${name} under account ${this.#account} already exists, or is being changed.`
        : `The stream ${ownStreamOf(name)} already exists, and would be the one behind Firehose ${name}: delete it, or choose another name.`,
    )
  }

  /** Changes a definition as the caller. `change` may be called several times, and may throw. Throws ResourceNotFoundException. */
  async change(call: AnyCall, name: string, change: DefinitionChange): Promise<DeliveryDefinition> {
    const changed = await this.translated(call, name, () =>
      documentsOf(call).update(name, (before) => {
        if (before === undefined) throw this.notFound(name)
        const after = change(before)
        // Whoever makes it puts it once more: a change in between would be in his way, unless it is to end the making.
        if (before.state === 'making' && after.state !== 'deleting')
          throw new FirehoseError('ResourceInUseException', `Firehose ${name} is still being created.`)
        return after
      }),
    )
    return changed.value
  }

  /** All definitions that there are, by name. */
  async list(
    call: AnyCall,
  ): Promise<readonly { readonly name: string; readonly definition: DeliveryDefinition }[]> {
    return this.translated(call, '*', async () => {
      const found: { name: string; definition: DeliveryDefinition }[] = []
      for await (const { name, value } of documentsOf(call).list()) found.push({ name, definition: value })
      return found.sort((one, other) => (one.name < other.name ? -1 : 1))
    })
  }

  /** What the app says of a delivery; undefined until an app has seen it. Whoever may read the definition may know. */
  async verdict(name: string): Promise<DeliveryVerdict | undefined> {
    return (await this.#own.documents<DeliveryVerdict>(deliveryKinds.verdicts).get(name))?.value
  }

  /**
   * Deletes a delivery that no app has ever taken on, with its stream. Otherwise that is the app's to do, when it has ended its work.
   * A stream of another name may be somebody else's: who writes definitions as documents could have it deleted through here.
   */
  async removeUntouched(name: string): Promise<void> {
    if ((await this.verdict(name)) !== undefined) return
    const documents = this.#own.documents<DeliveryDefinition>(deliveryKinds.definitions)
    const document = await documents.get(name)
    if (document?.value.state !== 'deleting') return
    const { source } = document.value
    if (source.isOwn && source.stream !== ownStreamOf(name)) return
    await deleteOwnStream(this.#own, name, document.value)
    try {
      await documents.delete(name, { expectedVersion: document.version })
    } catch (error) {
      if (!MillraceError.is(error, 'versionConflict')) throw error
    }
  }

  notFound(name: string): FirehoseError {
    return new FirehoseError(
      'ResourceNotFoundException',
      `Firehose ${name} under account ${this.#account} not found.`,
    )
  }

  /** The refusal of a caller who may not do this. */
  denied({ operation, caller, region }: AnyCall, name: string): FirehoseError {
    const user = `arn:aws:iam::${this.#account}:user/${caller.principal ?? 'anonymous'}`
    const resource = deliveryStreamArn({ region, account: this.#account, name })
    return new FirehoseError(
      'AccessDeniedException',
      `User: ${user} is not authorized to perform: firehose:${operation} on resource: ${resource} ` +
        `because no identity-based policy allows the firehose:${operation} action`,
    )
  }

  /** Does the work; a refusal of the broker becomes the error that answers it. */
  async translated<T>(call: AnyCall, name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw MillraceError.is(error) ? this.#translate(error, call, name) : error
    }
  }

  #translate(error: MillraceError, call: AnyCall, name: string): FirehoseError {
    const options = { cause: error }
    switch (error.code) {
      case 'permissionDenied':
        return this.denied(call, name)
      case 'versionConflict':
      case 'streamExists':
        return new FirehoseError(
          'ResourceInUseException',
          `Firehose ${name} under account ${this.#account} already exists, or is being changed.`,
          options,
        )
      case 'limitExceeded':
        return new FirehoseError('LimitExceededException', error.message, options)
      case 'invalidArgument':
        return new FirehoseError('InvalidArgumentException', error.message, options)
      case 'unavailable':
      case 'overloaded':
      case 'storageFull':
      case 'closed':
      case 'timedOut':
      case 'connectionLost':
      case 'outcomeUnknown':
        return new FirehoseError('ServiceUnavailableException', error.message, options)
      default:
        return new FirehoseError('InternalFailure', error.message, options)
    }
  }
}

function documentsOf({ caller }: AnyCall) {
  return caller.client.documents<DeliveryDefinition>(deliveryKinds.definitions)
}
