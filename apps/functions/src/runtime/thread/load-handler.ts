// Finds the handler of a module. Runs in a thread of a module, once in its life. ES modules and CommonJS are loaded alike.
import { pathToFileURL } from 'node:url'
import type { RuntimeLimits } from '../limits.ts'
import type { FunctionError } from '../thread-contract.ts'
import { describeError } from './describe-error.ts'

/** A handler as its module exports it. */
export type Handler = (event: unknown, context: unknown, callback: unknown) => unknown

/** There is no handler to call, and why. */
export class LoadFailure extends Error {
  override readonly name = 'LoadFailure'
  readonly error: FunctionError

  constructor(error: FunctionError) {
    super(error.errorMessage)
    this.error = error
  }
}

/** Loads the module and returns its handler. Fails with LoadFailure. */
export async function loadHandler(path: string, name: string, limits: RuntimeLimits): Promise<Handler> {
  refuseTypeScript(path)
  let module: Record<string, unknown>
  try {
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (thrown) {
    throw new LoadFailure(importError(thrown, limits))
  }
  const handler = exported(module, name) ?? exported(module['default'], name)
  if (typeof handler === 'function') return handler as Handler
  throw new LoadFailure({
    errorType: 'Runtime.HandlerNotFound',
    errorMessage:
      handler === undefined
        ? `${path} has no export ${name}. It exports ${namesOf(module)}.`
        : `The export ${name} of ${path} is no function.`,
  })
}

/** Follows `name`, or `inner.name`, in what a module exports. */
function exported(module: unknown, name: string): unknown {
  let found: unknown = module
  for (const part of name.split('.')) {
    if ((typeof found !== 'object' && typeof found !== 'function') || found === null) return undefined
    found = (found as Record<string, unknown>)[part]
  }
  return found
}

function namesOf(module: Record<string, unknown>): string {
  const inner = module['default']
  const names = new Set(Object.keys(module))
  if (typeof inner === 'object' && inner !== null) for (const name of Object.keys(inner)) names.add(name)
  names.delete('module.exports')
  return names.size === 0 ? 'nothing' : [...names].slice(0, 20).join(', ')
}

/** Node strips types by itself from 22.18 on; a transpiler of our own would be a second truth about what a module means. */
function refuseTypeScript(path: string): void {
  if (!/\.[cm]?ts$/.test(path)) return
  if ((process.features as { typescript?: unknown }).typescript) return
  throw new LoadFailure({
    errorType: 'Runtime.ImportModuleError',
    errorMessage: `${path} is TypeScript, which Node runs from 22.18 on, and this is ${process.version}: run Millrace with a newer Node, or compile the module to JavaScript and name that.`,
  })
}

function importError(thrown: unknown, limits: RuntimeLimits): FunctionError {
  const described = describeError(thrown, limits)
  const code = (thrown as { code?: unknown } | null | undefined)?.code
  const isMissing =
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    code === 'ENOENT' ||
    code === 'ERR_UNSUPPORTED_DIR_IMPORT' ||
    code === 'ERR_UNKNOWN_FILE_EXTENSION'
  if (isMissing) return { ...described, errorType: 'Runtime.ImportModuleError' }
  if (thrown instanceof SyntaxError) return { ...described, errorType: 'Runtime.UserCodeSyntaxError' }
  return described
}
