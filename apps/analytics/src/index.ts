// The public names of the app: what `import … from '@millrace/analytics'` gives.
export { serveApp } from './app.ts'
export type { AnalyticsOptions } from './options.ts'
