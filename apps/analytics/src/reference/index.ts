// Files from elsewhere, as the rest of the app uses them.
export { hasFormat, isReference, referenceFault } from './reference-name.ts'
export { ReferenceFault } from './reference-source.ts'
export { References, type ReferencesParts, type ReferenceSettings } from './references.ts'
