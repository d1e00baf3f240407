// A broker in this process, and what handlers of the endpoint need: tests call handlers directly, without HTTP.
import { connect, type Action } from 'millrace'
import { createBroker, type Broker } from 'millrace/broker'
import type { EndpointParts } from '../../src/parts.ts'
import { StreamBook } from '../../src/book/stream-book.ts'
import type { Call, Caller } from '../../src/call.ts'
import { openSeal } from '../../src/identifiers/seal.ts'
import type { InputOf, OperationName } from '../../src/model/operations.ts'
import { endpointDefaults, type EndpointSettings } from '../../src/settings.ts'
import { ManualTime } from '../../../../test/support/manual-time.ts'

/** The account in the ARNs and texts of tests. */
export const ACCOUNT = '123456789012'
export const REGION = 'eu-west-1'

/** One endpoint, without its HTTP. Several may stand on one broker. */
export interface SmallEndpoint extends EndpointParts, AsyncDisposable {
  /** A call as it comes from validation. */
  call<N extends OperationName>(operation: N, input: InputOf<N>, caller?: Partial<Caller>): Call<N>
}

/** A broker with its clock. */
export interface SmallBroker extends AsyncDisposable {
  readonly broker: Broker
  readonly time: ManualTime
  endpoint(settings?: Partial<EndpointSettings>): Promise<SmallEndpoint>
}

export async function smallBroker(): Promise<SmallBroker> {
  const time = new ManualTime()
  const broker = await createBroker({ listen: false, clock: time.now, config: { segmentSize: '1MiB' } })
  return {
    broker,
    time,
    endpoint: (settings = {}) => endpointOn(broker, time, settings),
    [Symbol.asyncDispose]: () => broker.close(),
  }
}

async function endpointOn(
  broker: Broker,
  time: ManualTime,
  changed: Partial<EndpointSettings>,
): Promise<SmallEndpoint> {
  const own = await connect(broker.url, broker)
  const settings = { ...endpointDefaults, account: ACCOUNT, ...changed }
  const { now } = time
  const seal = await openSeal(own)
  const book = await StreamBook.open({ own, settings, now, log: () => {} })
  const anybody: Caller = { principal: undefined, client: own, may: () => Promise.resolve(true) }
  return {
    own,
    settings,
    book,
    seal,
    now,
    log: () => {},
    call: (operation, input, caller = {}) => ({
      operation,
      input,
      caller: { ...anybody, ...caller },
      region: REGION,
      requestId: 'request',
      signal: new AbortController().signal,
    }),
    [Symbol.asyncDispose]: async () => {
      await book.close()
      await own.close()
    },
  }
}

/** A caller with these grants for what the endpoint keeps itself. */
export function callerWith(...granted: Action[]): Partial<Caller> {
  return { principal: 'alice', may: (action) => Promise.resolve(granted.includes(action)) }
}

/** The error that the work is refused with, as `Name: text`. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    return `${code}: ${message}`
  }
  return 'done'
}
