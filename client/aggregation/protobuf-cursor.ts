// Steps through the fields of a protobuf message. Runs in the client, pure. A payload may come from any writer of the stream.
// Invariant: no byte outside the message is read, and nothing is allocated: a field that claims more than is there is refused.
import { countOf } from '../../protocol/text/count-text.ts'
import { MillraceError } from '../errors.ts'

/** How a field is written. Groups are skipped, as messages of today have none. */
export const wireTypes = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const

/** Makes the error for a message whose checksum is right, and which its writer wrote wrongly all the same. */
export function malformedAggregate(reason: string): MillraceError {
  return new MillraceError('codecFailed', `The aggregated record is malformed: ${reason}.`)
}

/** One cursor reads one message; `enter` begins another, so that the many messages inside one need a single cursor. */
export class ProtobufCursor {
  /** Number of the field. */
  field = 0
  wireType = 0
  /** The number in a field that is a varint; above 2^53 it is not exact. */
  value = 0
  /** Where the bytes of the field begin and end, if it has `wireTypes.bytes`. */
  from = 0
  to = 0
  readonly #bytes: Uint8Array
  #at = 0
  #end = 0

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes
    this.enter(from, to)
  }

  /** Begins the message that lies between the two places, which must lie within the bytes. */
  enter(from: number, to: number): void {
    this.#at = from
    this.#end = to
  }

  /** Goes to the next field and returns true, or returns false at the end. Throws `codecFailed`. */
  next(): boolean {
    if (this.#at === this.#end) return false
    this.#readField()
    if (this.wireType === wireTypes.groupStart) this.#skipGroup()
    else if (this.wireType === wireTypes.groupEnd) throw malformedAggregate('a group ends that was not begun')
    return true
  }

  /** Returns true if the field is this one. One that is written in another way counts as unknown, as in all of protobuf. */
  is(field: number, wireType: number): boolean {
    return this.field === field && this.wireType === wireType
  }

  #readField(): void {
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.wireType = tag % 8
    if (this.field === 0 || tag > 0xffff_ffff) throw malformedAggregate(`${tag} is no tag of a field`)
    if (this.wireType === wireTypes.varint) this.value = this.#varint()
    else if (this.wireType === wireTypes.bytes) this.#take(this.#varint())
    else if (this.wireType === wireTypes.fixed64) this.#take(8)
    else if (this.wireType === wireTypes.fixed32) this.#take(4)
    else if (this.wireType > wireTypes.fixed32) {
      throw malformedAggregate(`field ${this.field} has the wire type ${this.wireType}, which there is not`)
    }
  }

  /** Groups may lie in each other as deeply as they like: they are counted, without recursion. */
  #skipGroup(): void {
    const { field } = this
    for (let depth = 1; depth > 0;) {
      if (this.#at === this.#end) throw malformedAggregate(`the group ${field} has no end`)
      this.#readField()
      if (this.wireType === wireTypes.groupStart) depth++
      else if (this.wireType === wireTypes.groupEnd) depth--
    }
    this.field = field
    this.wireType = wireTypes.groupStart
  }

  #take(length: number): void {
    const left = this.#end - this.#at
    if (length > left) {
      throw malformedAggregate(`field ${this.field} claims ${countOf(length, 'byte')}, and ${left} are left`)
    }
    this.from = this.#at
    this.#at += length
    this.to = this.#at
  }

  #varint(): number {
    let value = 0
    // Products, not shifts, which are of 32 bits. A varint of 64 bits takes ten bytes, the last one at most 1.
    for (let scale = 1, left = 10; left > 0; scale *= 128, left--) {
      if (this.#at === this.#end) throw malformedAggregate('it ends within a number')
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (left === 1 && byte > 1) break
        return value
      }
    }
    throw malformedAggregate('a number has more than 64 bits')
  }
}
