// Queries as every door to them uses them: what `import … from '@millrace/analytics/definitions'` gives.
export { diffQuery, type DiffOptions, type QueryDiff, type TargetDiff } from './beside/diff.ts'
export { promoteQuery } from './beside/promotion.ts'
export { replaceBeside } from './beside/trial.ts'
export { defaultStart, defaultTime, partsBounds, timeBounds } from './bounds.ts'
export { deleteQuery } from './deletion.ts'
export {
  describeQueries,
  describeQuery,
  explainQuery,
  explainSql,
  queryResults,
  type ExplainedInput,
  type ExplainedSharing,
  type ExplainedStatement,
  type QueryDescription,
  type QueryExplanation,
  type SqlExplanation,
} from './description.ts'
export {
  createQuery,
  getQuery,
  listQueries,
  replaceQuery,
  setQueryState,
  type MadeQuery,
  type NamedQuery,
  type QueryChanges,
  type QueryDoor,
  type QueryInput,
  type QueryResults,
} from './queries.ts'
export type { UnitReport } from './merged-report.ts'
export { QueryError, type QueryErrorCode } from './query-error.ts'
export type { QueryColumns, ResultColumn } from './sql-check.ts'
export type { ShardStanding } from './standing.ts'
export { setStreamSchema, streamSchema, type WrittenColumns } from '../streams/schema/stream-schemas.ts'
