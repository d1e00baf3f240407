// Where results go, by the name that SQL has for it. Pure.
import type { QueryDefinition } from 'millrace/protocol'

/** Returns the stream that a name stands for: the one of that name, unless the definition has another. */
export function outputOf({ outputs = {} }: Pick<QueryDefinition, 'outputs'>, name: string): string {
  return Object.hasOwn(outputs, name) ? outputs[name]! : name
}
