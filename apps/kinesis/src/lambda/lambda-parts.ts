// What the handlers of the Lambda API are made of. Types alone.
import type { EndpointParts } from '../parts.ts'
import type { FunctionPort } from '../wire/function-port.ts'
import type { LambdaDocuments } from './lambda-documents.ts'

export interface LambdaParts extends EndpointParts {
  readonly documents: LambdaDocuments
  /** Calls functions where the app that runs them takes calls. */
  readonly functionPort: FunctionPort
  /** A new UUID. */
  readonly uuid: () => string
}
