// Removes the byte order mark at the start of an input, before lines or rows are split: the mark belongs to the file and not
// to its first record. Pure but for the stream it reads.
import { Failure } from '../failure.ts'

const UTF_8 = [0xef, 0xbb, 0xbf]

/** Marks of encodings that are refused, because their bytes would be cut into records at the wrong places. */
const refused: readonly { readonly mark: readonly number[]; readonly encoding: string }[] = [
  { mark: [0xff, 0xfe], encoding: 'UTF-16' },
  { mark: [0xfe, 0xff], encoding: 'UTF-16' },
  { mark: [0x00, 0x00, 0xfe, 0xff], encoding: 'UTF-32' },
]

/**
 * Yields the same bytes without a UTF-8 mark at their start, which may arrive in pieces. Holds bytes back only while they
 * may begin a mark. Throws Failure for the mark of another encoding; `name` names the input in the message.
 */
export async function* withoutByteOrderMark(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let start: Uint8Array | undefined = new Uint8Array(0)
  for await (const chunk of chunks) {
    if (start === undefined) {
      yield chunk
      continue
    }
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk])
    if (mayBecomeMark(start)) continue
    const rest = afterMark(start, name)
    start = undefined
    if (rest.length > 0) yield rest
  }
  if (start !== undefined && start.length > 0) yield start
}

function afterMark(bytes: Uint8Array, name: string): Uint8Array {
  const other = refused.find(({ mark }) => beginsWith(bytes, mark))
  if (other !== undefined) {
    throw new Failure(
      `${name} begins with the byte order mark of ${other.encoding}, and only UTF-8 is read: ` +
        `convert it with \`iconv -f ${other.encoding} -t UTF-8\`.`,
    )
  }
  return beginsWith(bytes, UTF_8) ? bytes.subarray(UTF_8.length) : bytes
}

/** Returns true if more bytes are needed to decide whether this is a mark. */
function mayBecomeMark(bytes: Uint8Array): boolean {
  return [UTF_8, ...refused.map(({ mark }) => mark)].some(
    (mark) => bytes.length < mark.length && beginsWith(bytes, mark.slice(0, bytes.length)),
  )
}

function beginsWith(bytes: Uint8Array, mark: readonly number[]): boolean {
  return bytes.length >= mark.length && mark.every((byte, index) => bytes[index] === byte)
}
