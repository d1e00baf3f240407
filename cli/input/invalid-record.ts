// Why a piece of input is no record. Thrown by what looks at one line or row, caught by what goes through all of them. Pure.

/** The message is the reason, without the line's number: `field user is empty`. */
export class InvalidRecord extends Error {
  override readonly name = 'InvalidRecord'
}
