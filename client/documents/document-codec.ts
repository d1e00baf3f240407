// Encodes and decodes the values of documents. Runs in the client, pure.
import { isBytes } from '../../protocol/bytes.ts'
import { quoteText } from '../../protocol/text/text.ts'
import { codecFailed, json, schemaJson, type Codec } from '../codecs.ts'
import type { StandardSchema } from '../codecs/standard-schema.ts'
import { nameOf } from '../codecs/value-kind.ts'

/** The `codec` option of documents: a codec, or a schema that checks JSON. */
export type DocumentCodec<T> = Codec<T> | { readonly schema: StandardSchema<T, T> }

/** Returns the codec of an option: JSON by default. */
export function resolveCodec<T>(option: DocumentCodec<T> | undefined): Codec<T> {
  if (option === undefined) return json<T>()
  return 'schema' in option ? schemaJson(option.schema) : option
}

/** Returns the content of a document; the caller owns it. Throws `codecFailed` if the codec throws or returns no bytes. */
export function encodeDocument<T>(codec: Codec<T>, name: string, value: T): Uint8Array {
  let content: unknown
  try {
    content = codec.encode(value)
  } catch (cause) {
    throw codecFailed(codec, placeOf(name), cause)
  }
  // Copied, because the codec may reuse its memory before the request is sent.
  if (isBytes(content)) return new Uint8Array(content)
  throw codecFailed(codec, placeOf(name), new Error(`encode gave ${nameOf(content)}, not bytes`))
}

/** Returns the value of a document. `content` may be a view on memory that is reused. Throws `codecFailed`. */
export function decodeDocument<T>(codec: Codec<T>, name: string, content: Uint8Array): T {
  try {
    return codec.decode(new Uint8Array(content))
  } catch (cause) {
    throw codecFailed(codec, placeOf(name), cause)
  }
}

function placeOf(name: string): string {
  return `The document ${quoteText(name)}`
}
