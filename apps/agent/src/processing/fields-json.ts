// JSON objects of named fields. Pure. Names are written once and for all; of two fields of one name the first has the place and the last
// the value, as in Java's maps.

/** Returns what writes the object of a row: what it lacks is null, what it has too many is dropped. */
export function rowJson(fields: readonly string[], isPretty: boolean): (values: readonly string[]) => string {
  return writerOf(fields, { isPretty, dashIsNull: false, firstValue: 0 })
}

/** Returns what writes the object of a match: its groups are the fields. */
export function fieldsJson(
  fields: readonly string[],
  options: { readonly isPretty: boolean; readonly dashIsNull: boolean },
): (match: readonly (string | undefined)[]) => string {
  return writerOf(fields, { ...options, firstValue: 1 })
}

interface WriterOptions {
  readonly isPretty: boolean
  readonly dashIsNull: boolean
  /** Where the first field stands among the values. */
  readonly firstValue: number
}

function writerOf(fields: readonly string[], { isPretty, dashIsNull, firstValue }: WriterOptions) {
  const places = new Map(fields.map((name, index) => [name, index + firstValue]))
  const heads = [...places].map(([name, place], index) => {
    const text = JSON.stringify(name)
    return {
      place,
      head: isPretty ? `${index === 0 ? '\n' : ',\n'}  ${text} : ` : `${index === 0 ? '' : ','}${text}:`,
    }
  })
  const [begin, end] = isPretty && heads.length === 0 ? ['{ ', '}'] : ['{', isPretty ? '\n}' : '}']
  return (values: readonly (string | undefined)[]): string => {
    let json = begin
    for (const { head, place } of heads) {
      const value = values[place]
      json += head + (value === undefined || (dashIsNull && value === '-') ? 'null' : JSON.stringify(value))
    }
    return json + end
  }
}
