// Prefixes of names of objects: the service's rules about their expressions. Pure. What an expression means, the app delivery says.
import { invalid } from '../model/errors.ts'

export interface PrefixRules {
  readonly prefix: string
  readonly errorPrefix: string
  readonly isPartitioned: boolean
  /** Keys that queries make of records. */
  readonly queryKeys: readonly string[]
}

interface Expression {
  readonly namespace: string
  readonly value: string
}

const namespaces = ['firehose', 'timestamp', 'partitionKeyFromQuery', 'partitionKeyFromLambda']

/** Refuses prefixes as the service does, with InvalidArgumentException. */
export function checkPrefixes({ prefix, errorPrefix, isPartitioned, queryKeys }: PrefixRules): void {
  const expressions = expressionsIn(prefix, 'Prefix')
  const errorExpressions = expressionsIn(errorPrefix, 'ErrorOutputPrefix')
  const keys = expressions.filter(isKey)
  if (expressions.some(isErrorType)) throw invalid('Prefix cannot contain !{firehose:error-output-type}.')
  if (keys.length > 0 && !isPartitioned) {
    throw invalid(
      'Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.',
    )
  }
  if (isPartitioned && keys.length === 0) {
    throw invalid('Prefix must contain a partition key expression when Dynamic Partitioning is enabled.')
  }
  const unknown = keys.find(
    ({ namespace, value }) => namespace === 'partitionKeyFromQuery' && !queryKeys.includes(value),
  )
  if (unknown !== undefined) {
    throw invalid(
      `Prefix contains the partition key ${unknown.value}, which MetadataExtractionQuery does not have.`,
    )
  }
  if (errorExpressions.some(isKey)) {
    throw invalid('ErrorOutputPrefix cannot contain partition key expressions.')
  }
  if (errorPrefix === '' && expressions.length > 0) {
    throw invalid('ErrorOutputPrefix cannot be null or empty when Prefix contains expressions.')
  }
  if (errorExpressions.length > 0 && !errorExpressions.some(isErrorType)) {
    throw invalid(
      'ErrorOutputPrefix must contain !{firehose:error-output-type} when it contains expressions.',
    )
  }
}

const isKey = ({ namespace }: Expression): boolean => namespace.startsWith('partitionKeyFrom')
const isErrorType = ({ namespace, value }: Expression): boolean =>
  namespace === 'firehose' && value === 'error-output-type'

function expressionsIn(text: string, member: string): readonly Expression[] {
  const found: Expression[] = []
  for (let at = text.indexOf('!{'); at !== -1; at = text.indexOf('!{', at)) {
    const end = text.indexOf('}', at)
    const inner = end === -1 ? '' : text.slice(at + 2, end)
    const colon = inner.indexOf(':')
    const expression = { namespace: inner.slice(0, Math.max(colon, 0)), value: inner.slice(colon + 1) }
    if (!namespaces.includes(expression.namespace) || expression.value === '') {
      throw invalid(
        `${member} contains an invalid expression: ${text.slice(at, end === -1 ? undefined : end + 1)}`,
      )
    }
    found.push(expression)
    at = end
  }
  return found
}
