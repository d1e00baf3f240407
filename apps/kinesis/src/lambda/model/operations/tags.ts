// The operations on tags of functions and mappings. Pure data.
import { optional, required, structure } from '../../../model/shape.ts'
import { tagKeyList, tags } from '../shapes.ts'
import { taggableResource } from '../values.ts'
import type { LambdaFamily } from '../operation.ts'

const PATH = '/2017-03-31/tags/{Resource}'
const errors = [
  'InvalidParameterValueException',
  'ResourceNotFoundException',
  'ServiceException',
  'TooManyRequestsException',
] as const
const notes = { Resource: 'The ARN of a function, or of an event source mapping.' } as const

export const tagsOperations = {
  ListTags: {
    doc: 'Lists tags.',
    http: { method: 'GET', path: PATH, status: 200 },
    input: structure({ Resource: required(taggableResource) }),
    output: structure({ Tags: optional(tags) }),
    errors,
    notes,
  },
  TagResource: {
    doc: 'Adds tags.',
    http: { method: 'POST', path: PATH, status: 204 },
    input: structure({ Resource: required(taggableResource), Tags: required(tags) }),
    output: structure({}),
    errors: [...errors, 'ResourceConflictException'],
    notes,
  },
  UntagResource: {
    doc: 'Removes tags.',
    http: { method: 'DELETE', path: PATH, status: 204, query: { TagKeys: 'tagKeys' } },
    input: structure({ Resource: required(taggableResource), TagKeys: required(tagKeyList) }),
    output: structure({}),
    errors: [...errors, 'ResourceConflictException'],
    notes,
  },
} as const satisfies LambdaFamily
