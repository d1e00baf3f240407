// A function as it is answered: its definition in the words of the service. Pure.
import type { FunctionDefinition } from 'millrace/protocol'
import type { LambdaOutput } from '../model/operations.ts'
import { functionArn, LATEST_VERSION, type Home } from '../names.ts'

const SECOND_MS = 1000

export function describeFunction(
  name: string,
  definition: FunctionDefinition,
  home: Home,
): LambdaOutput<'GetFunctionConfiguration'> {
  const { target, timeoutMs, memoryMiB, environment, description = '', version, updatedAt } = definition
  return {
    FunctionName: name,
    FunctionArn: functionArn(home, name),
    // There are no roles; tools want to read one.
    Role: `arn:aws:iam::${home.account}:role/millrace`,
    ...(target.type === 'module' && { Handler: handlerOf(target.path, target.handler) }),
    CodeSize: 0,
    Description: description,
    Timeout: Math.max(Math.ceil(timeoutMs / SECOND_MS), 1),
    MemorySize: memoryMiB,
    // As the service writes it: milliseconds, and no colon in the offset.
    LastModified: new Date(updatedAt).toISOString().replace(/Z$/, '+0000'),
    Version: LATEST_VERSION,
    ...(Object.keys(environment).length > 0 && { Environment: { Variables: environment } }),
    RevisionId: `${definition.createdAt}-${version}`,
    State: 'Active',
    LastUpdateStatus: 'Successful',
    PackageType: target.type === 'module' ? 'Zip' : 'Image',
  }
}

/** What runs: a module of the machine of the app, or a url. */
export function describeCode({
  target,
}: FunctionDefinition): NonNullable<LambdaOutput<'GetFunction'>['Code']> {
  return target.type === 'module'
    ? { RepositoryType: 'Module', Location: target.path }
    : { RepositoryType: 'Url', Location: target.url }
}

/** `enrich.handler`: the name of the file without its ending, and of the export. */
function handlerOf(path: string, handler: string): string {
  const file = path.split(/[/\\]/).at(-1)!
  return `${file.replace(/\.[^.]+$/, '')}.${handler}`
}
