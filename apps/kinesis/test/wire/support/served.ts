// A port without a broker: the listener and what stands behind it, with an API of the test's own.
import type { Caller } from '../../../src/call.ts'
import { errors, type KinesisError } from '../../../src/model/errors.ts'
import { emptyXmlRefusal, type Answer } from '../../../src/wire/answer.ts'
import type { Api, WireRequest } from '../../../src/wire/api.ts'
import { Front } from '../../../src/wire/front.ts'
import { wireLimits, type WireLimits } from '../../../src/wire/limits.ts'
import { Listener, type Certificate } from '../../../src/wire/listener.ts'

export interface Served extends AsyncDisposable {
  readonly port: number
  readonly listener: Listener
  readonly front: Front
  /** What was logged. */
  readonly logged: string[]
}

export interface ServedOptions {
  readonly serve: (request: WireRequest) => Promise<Answer>
  readonly limits?: Partial<WireLimits>
  readonly certificate?: Certificate
}

export async function served({ serve, limits: own = {}, certificate }: ServedOptions): Promise<Served> {
  const limits = { ...wireLimits, ...own }
  const logged: string[] = []
  const api: Api = { name: 'test', claims: () => true, refuse: refusal, serve }
  const front = new Front({
    apis: [api],
    authenticate: () => Promise.resolve({ caller: {} as Caller, region: 'x' }),
    limits,
    log: ({ message, error }) => logged.push(`${message} ${String(error)}`),
  })
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    certificate,
    limits,
    serve: front.serve,
  })
  return {
    port: listener.port,
    listener,
    front,
    logged,
    [Symbol.asyncDispose]: async () => {
      front.close()
      await listener.close()
    },
  }
}

const refusal = ({ code }: KinesisError) => emptyXmlRefusal(code, errors[code].status)

/** An API that answers with the length of each body. */
export const lengths = ({ body }: WireRequest): Promise<Answer> =>
  Promise.resolve({ status: 200, contentType: 'text/plain', body: String(body.length) })
