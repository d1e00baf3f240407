// From the value of a document to its bytes, and back. Runs in the client, pure.
import { isBytes } from '../../protocol/bytes.ts'
import { quoteText } from '../../protocol/text/text.ts'
import { codecFailed, json, schemaJson, type Codec } from '../codecs.ts'
import type { StandardSchema } from '../codecs/standard-schema.ts'
import { nameOf } from '../codecs/value-kind.ts'

/** What the `codec` option of documents takes: a codec, or a schema by which JSON is checked. */
export type DocumentCodec<T> = Codec<T> | { readonly schema: StandardSchema<T, T> }

/** The codec of documents: JSON by default. */
export function resolveCodec<T>(option: DocumentCodec<T> | undefined): Codec<T> {
  if (option === undefined) return json<T>()
  return 'schema' in option ? schemaJson(option.schema) : option
}

/** The content of a document; it belongs to the caller. Throws `codecFailed` where the codec throws, or gives no bytes. */
export function encodeDocument<T>(codec: Codec<T>, name: string, value: T): Uint8Array {
  let content: unknown
  try {
    content = codec.encode(value)
  } catch (cause) {
    throw codecFailed(codec, placeOf(name), cause)
  }
  // A copy: the codec may use its memory again before the request is sent.
  if (isBytes(content)) return new Uint8Array(content)
  throw codecFailed(codec, placeOf(name), new Error(`encode gave ${nameOf(content)}, not bytes`))
}

/** The value of a document. `content` may be a view on memory that is used again. Throws `codecFailed`. */
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
