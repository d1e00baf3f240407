// The public names of the app: what `import … from '@millrace/agent'` gives.
export { serveApp } from './app.ts'
export type { AgentOptions } from './options.ts'
export { supportPage } from './config/support-page.ts'
