// What the command line runs beside serving: `import … from '@millrace/agent/run'`.
export { checkAgent, type CheckedFile, type CheckedFlow, type CheckReport } from './check.ts'
export { runOnce, type OnceOptions, type OnceOutcome, type OnceProgress } from './once.ts'
