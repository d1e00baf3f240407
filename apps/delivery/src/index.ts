// The public names of the app: what `import … from '@millrace/delivery'` gives.
export { serveApp } from './app.ts'
export type { DeliveryOptions } from './options.ts'
