// The two ways in which a request may be written, and its answer is. Pure.

/** 'json': application/x-amz-json-1.1; 'cbor': application/x-amz-cbor-1.1. */
export type Protocol = 'json' | 'cbor'
