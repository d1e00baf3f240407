// Listings of the Lambda API, a page at a time. Pure. A marker is the name that a page ends with.
import { invalidParameter } from './model/errors.ts'

export interface PageAsked {
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Undefined: there are no more. */
  readonly NextMarker: string | undefined
}

/** The page that is asked for, of items in the order of their names. A page has no more than `itemsMax`. */
export function pageOf<T extends { readonly name: string }>(
  sorted: readonly T[],
  { Marker, MaxItems }: PageAsked,
  itemsMax: number,
): Page<T> {
  const after = Marker === undefined ? '' : nameIn(Marker)
  const following = sorted.filter(({ name }) => name > after)
  const items = following.slice(0, Math.min(MaxItems ?? itemsMax, itemsMax))
  const isLast = items.length === following.length
  return { items, NextMarker: isLast ? undefined : markerOf(items.at(-1)!.name) }
}

function markerOf(name: string): string {
  return Buffer.from(name).toString('base64url')
}

function nameIn(marker: string): string {
  const name = Buffer.from(marker, 'base64url').toString()
  if (name === '' || markerOf(name) !== marker) throw invalidParameter('Marker is none that a listing gave.')
  return name
}
