// Checks what stands between source and destination in a definition: queries, transform, taking apart, columns. Pure.
import type { DeliveryDefinition } from 'millrace/protocol'
import { checkedColumns } from '../formats/parquet/schema.ts'
import { lengths } from './bounds.ts'
import type { DefinitionFault } from './delivery-error.ts'

/** Returns what is wrong with partitions, transform and taking apart. */
export function checkPartitioning(definition: DeliveryDefinition): DefinitionFault[] {
  const { partitioning, transform, deaggregation = [], format } = definition
  const faults: DefinitionFault[] = []
  const queries = Object.entries(partitioning?.queries ?? {})
  if (queries.length > lengths.queries) {
    faults.push({ place: 'partitioning.queries', message: `There are more than ${lengths.queries} queries.` })
  }
  for (const [name, query] of queries) {
    const place = `partitioning.queries.${name}`
    if (!/^[^{}:!\s]+$/.test(name) || name.length > lengths.key) {
      faults.push({
        place,
        message: `${JSON.stringify(name)} is no name of a query: it would not fit into a prefix.`,
      })
    }
    if (query.trim() === '') faults.push({ place, message: `The query ${name} is empty.` })
  }
  if (transform?.function === '')
    faults.push({ place: 'transform.function', message: 'The function of the transform has no name.' })
  for (const [i, each] of deaggregation.entries()) {
    if (each.type !== 'delimited' || each.delimiter !== '') continue
    faults.push({
      place: `deaggregation.${i}.delimiter`,
      message: 'Records cannot be taken apart at an empty delimiter.',
    })
  }
  if (format.type === 'parquet' && format.columns !== undefined) {
    try {
      checkedColumns(format.columns)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      faults.push({ place: 'format.columns', message: error.message })
    }
  }
  return faults
}
