// What a program needs to be an app of the daemon: `import … from 'millrace/app'`. Runs in the process of an app.
export type { AppConnection, AppTask, ServeApp, ServingApp } from './app-task.ts'
export {
  readCertificate,
  RenewedCertificate,
  type Certificate,
  type CertificateFiles,
  type RenewedCertificateOptions,
} from './certificate-files.ts'
export { heldGrant } from '../access/descriptions.ts'
export { HiddenDocuments, type HiddenDocumentsOptions } from './hidden-documents.ts'
export { deleteOwnStream, makeWithOwnStream, type OwnStreamOutcome } from './own-stream.ts'
export { runApp } from './run-app.ts'
export { isProcessAlive, openSpoolDirectory, type SpoolOwner } from './spool-directory.ts'
