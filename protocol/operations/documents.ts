// The operations on named documents: small versioned values that programs keep in the broker. Control plane: served by the
// controller. A put or a deletion that names the version it expects changes nothing where the document has another one.
import { limits } from '../limits.ts'
import { field } from '../shapes.ts'
import { documentContent, documentKind, documentName, documentPrefix, documentShape } from '../structs.ts'
import { may, mayMake, showsContents } from './grant-rule.ts'
import type { OperationFamily } from './operation.ts'

const document = field.struct(documentShape, 'A document.')
const version = field.uint('The version that all changes up to now have come to: watch after it.')

export const documentOperations = {
  getDocument: {
    id: 96,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Reads one document.',
    grant: [may('read', 'document', 'kind/name')],
    request: { kind: documentKind, name: documentName },
    response: { document: field.struct(documentShape, 'The document.') },
    errors: ['documentNotFound', 'corruptData'],
  },
  putDocument: {
    id: 97,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Makes a document, or replaces it; answers when it is on the disk.',
    grant: [mayMake('write', 'document', 'kind/name')],
    request: {
      kind: documentKind,
      name: documentName,
      content: documentContent,
      expectedVersion: field.optional(
        field.uint('The version that the document must have; 0: it must not exist; absent: no condition.'),
      ),
    },
    response: { version: field.uint('The version that the document has now.') },
    errors: ['versionConflict', 'limitExceeded', 'storageFull', 'corruptData'],
  },
  deleteDocument: {
    id: 98,
    since: 1,
    plane: 'control',
    idempotent: false,
    doc: 'Deletes a document; answers when that is on the disk.',
    grant: [may('write', 'document', 'kind/name')],
    request: {
      kind: documentKind,
      name: documentName,
      expectedVersion: field.optional(
        field.uint('The version that the document must have, at least 1; absent: no condition.'),
      ),
    },
    response: {},
    errors: ['documentNotFound', 'versionConflict', 'storageFull', 'corruptData'],
  },
  listDocuments: {
    id: 99,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Lists the documents of a kind, a page at a time. A page may hold fewer than asked for, by the bytes of its contents.',
    grant: [showsContents('document', 'documents.name')],
    request: {
      kind: documentKind,
      prefix: documentPrefix,
      limit: field.uint('Documents in the page.', limits.listPageMax),
      exclusiveStartName: field.optional(documentName),
    },
    response: {
      documents: field.list(document, limits.listPageMax, 'In the order of the UTF-8 bytes of their names.'),
      hasMore: field.boolean('More documents follow: ask again from the last name.'),
      version,
    },
    errors: ['corruptData'],
  },
  watchDocuments: {
    id: 100,
    since: 1,
    plane: 'control',
    idempotent: true,
    doc: 'Tells which documents of a kind were changed after a version, and waits where none was. To begin, list the documents, and watch after the version of the first page.',
    grant: [showsContents('document', 'documents.name'), showsContents('document', 'deleted')],
    request: {
      kind: documentKind,
      prefix: documentPrefix,
      after: field.uint('The version of the answer before.'),
      maxWaitMs: field.uint('How long to wait for a change, in milliseconds.', limits.documentWaitMsMax),
    },
    response: {
      documents: field.list(
        document,
        limits.listPageMax,
        'Documents that were put after that version, as they are now.',
      ),
      deleted: field.list(documentName, limits.listPageMax, 'Names of documents that were deleted after it.'),
      version: field.uint('Watch after this version to learn what comes next.'),
      isComplete: field.boolean(
        'False where the broker no longer knows all changes after that version: it tells none, so list the documents again.',
      ),
    },
    errors: ['corruptData'],
  },
} as const satisfies OperationFamily
