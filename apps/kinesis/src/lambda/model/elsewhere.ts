// Operations of the Lambda API that change functions, which this endpoint leaves to the command line: how requests of them look, and what
// is done instead. Pure data: the table of routes, and rows of the support page.
import type { LambdaRoute } from './operation.ts'

interface Elsewhere extends Pick<LambdaRoute, 'method' | 'path'> {
  /** What to do instead, to follow `use`. */
  readonly instead: string
}

const FUNCTIONS = '/2015-03-31/functions'
const UPDATE = '`millrace function update NAME`'

export const elsewhere: Readonly<Record<string, Elsewhere>> = {
  CreateFunction: {
    method: 'POST',
    path: FUNCTIONS,
    instead: '`millrace function create NAME --handler ./module.mjs`',
  },
  UpdateFunctionCode: { method: 'PUT', path: `${FUNCTIONS}/{FunctionName}/code`, instead: UPDATE },
  UpdateFunctionConfiguration: {
    method: 'PUT',
    path: `${FUNCTIONS}/{FunctionName}/configuration`,
    instead: UPDATE,
  },
  DeleteFunction: {
    method: 'DELETE',
    path: `${FUNCTIONS}/{FunctionName}`,
    instead: '`millrace function delete NAME`',
  },
}
