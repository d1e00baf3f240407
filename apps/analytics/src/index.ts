// The public names of the app: what `import … from '@millrace/analytics'` gives.
export { serveApp } from './app.ts'
export { Engine, type EngineOptions, type EngineSession } from './engine/index.ts'
export type { AnalyticsOptions } from './options.ts'
export { PlanFault } from './plan/plan-fault.ts'
export type {
  ArrivalRange,
  PlannedInput,
  PlannedStatement,
  PlannedWindow,
  QueryPlan,
  SqlPlace,
  StatementKind,
} from './plan/query-plan.ts'
export { planQuery, type PlanOptions } from './plan/plan-query.ts'
export { runQueries, type QueriesParts } from './run/queries.ts'
export { SqlParser } from './plan/text/parser.ts'
