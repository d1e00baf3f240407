// Says why a line or row is not a record. Thrown for a single line, and caught by the loop over all lines. Pure.

/** The message is the reason, without the line's number: `field user is empty`. */
export class InvalidRecord extends Error {
  override readonly name = 'InvalidRecord'
}
