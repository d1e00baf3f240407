// Where functions are called: the documents in which the copies of the app functions announce themselves, kept in memory from the first
// delivery on that needs them. Runs in the app; ends with its client.
import type { AskTls, Client, KeptDocuments } from 'millrace'
import { functionKinds, type FunctionEndpoint } from 'millrace/protocol'
import { httpCaller, type FunctionCaller } from '../transform/index.ts'
import { trustingFetch } from '../wire/trusting-fetch.ts'

/** Makes what calls functions, by name and by url. */
export function functionCaller(
  client: Client,
  { now, askTls }: { readonly now: () => number; readonly askTls: AskTls | undefined },
): FunctionCaller {
  let kept: Promise<KeptDocuments<FunctionEndpoint>> | undefined
  let known: KeptDocuments<FunctionEndpoint> | undefined
  const caller = httpCaller({
    fetch,
    fetchPort: trustingFetch(askTls),
    now,
    endpoints: () => [...(known?.entries() ?? [])].map(([, { value }]) => value),
  })
  return {
    call: async (name, payload, signal) => {
      const opening = (kept ??= client.documents<FunctionEndpoint>(functionKinds.endpoints).keep())
      try {
        known = await opening
      } catch (error) {
        if (kept === opening) kept = undefined
        throw error
      }
      return caller.call(name, payload, signal)
    },
  }
}
