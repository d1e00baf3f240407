// Texts, numbers and choices of the Lambda API, with the bounds of the service's published model (API version 2015-03-31). Pure.
import { choice, integer, text } from '../../model/shape.ts'

export const string = text({})
export const arn = text({
  pattern: 'arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)',
})
export const namespacedFunctionName = text({
  min: 1,
  max: 256,
  pattern:
    '(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?',
})
export const qualifier = text({
  min: 1,
  max: 128,
  pattern: '\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+',
})
export const batchSize = integer({ min: 1, max: 10000 })
export const maximumBatchingWindowInSeconds = integer({ min: 0, max: 300 })
export const parallelizationFactor = integer({ min: 1, max: 10 })
export const eventSourcePosition = choice('TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP')
export const maximumRecordAgeInSeconds = integer({ min: -1, max: 604800 })
export const maximumRetryAttempts = integer({ min: -1, max: 10000 })
export const tumblingWindowInSeconds = integer({ min: 0, max: 900 })
export const functionResponseType = choice('ReportBatchItemFailures')
export const filterPattern = text({ min: 0, max: 4096, pattern: '.*' })
export const destinationArn = text({
  min: 0,
  max: 350,
  pattern:
    '$|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)',
})
export const kmsKeyArn = text({ pattern: '(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()' })
export const eventSourceMappingMetric = choice('EventCount', 'ErrorCount', 'KafkaMetrics')
export const maxListItems = integer({ min: 1, max: 10000 })
export const invocationType = choice('Event', 'RequestResponse', 'DryRun')
export const logType = choice('None', 'Tail')
export const durableExecutionName = text({ min: 1, max: 64, pattern: '[a-zA-Z0-9-_]+' })
export const tenantId = text({ min: 1, max: 256, pattern: '[a-zA-Z0-9\\._:\\/=+\\-@ ]+' })
export const masterRegion = text({ pattern: 'ALL|[a-z]{2}(-gov)?-[a-z]+-\\d{1}' })
export const functionVersion = choice('ALL')
export const taggableResource = text({
  min: 1,
  max: 256,
  pattern:
    'arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)',
})
