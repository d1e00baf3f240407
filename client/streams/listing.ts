// Lists that come in pages: read by `for await`, or a page at a time. Runs in the client. Each item must come after the one
// before, over all pages, so a listing ends even if the broker's answers are wrong.
import { quoteText } from '../../protocol/text/text.ts'
import { invalidAnswer } from '../errors.ts'
import { checkOptions } from '../options/check.ts'
import { optionTable } from '../options/table.ts'
import type { CallOptions } from '../settings.ts'

/** One page of a list. */
export interface Page<T> {
  /** In the order of the list. */
  readonly items: readonly T[]
  /** The `after` of the next call; undefined on the last page. */
  readonly next: string | undefined
}

/** Selects a page of a list. */
export interface PageOptions extends CallOptions {
  /** Most items in the page: 1 to 1000, by default 1000. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: string | undefined
}

/** A list that is read by `for await`, or a page at a time. */
export interface Listing<T> extends AsyncIterable<T> {
  /** Returns the first page, or the one behind `after`. */
  page(options?: PageOptions): Promise<Page<T>>
}

/** How a list is asked for and ordered. */
export interface ListSource<T> {
  /** The operation, as messages name it. */
  readonly operation: string
  /** Asks for the items behind `after`, in their order. */
  fetch(
    options: PageOptions & { limit: number },
  ): Promise<{ readonly items: readonly T[]; readonly hasMore: boolean }>
  /** Where the item stands, as `after` takes it. */
  placeOf(item: T): string
  /** Returns true if the place comes after the other one in the order of the list. */
  isBehind(place: string, other: string): boolean
}

/** Makes a list. It throws `invalidAnswer` for a page whose items do not rise, or that is empty though more should follow. */
export function listing<T>(shared: CallOptions, source: ListSource<T>): Listing<T> {
  const page = async (options: PageOptions = {}) => {
    checkOptions('page', options)
    const { limit = optionTable.page.limit.default } = options
    const answer = await source.fetch({ ...shared, ...options, limit })
    return { items: answer.items, next: nextPlace(answer, options.after, source) }
  }
  return {
    page,
    async *[Symbol.asyncIterator]() {
      let after: string | undefined
      do {
        const { items, next } = await page({ after })
        yield* items
        after = next
      } while (after !== undefined)
    },
  }
}

/** How a list is ordered. */
export type ListOrder<T> = Pick<ListSource<T>, 'operation' | 'placeOf' | 'isBehind'>

/** Returns the `after` of the next page; undefined on the last one. Throws `invalidAnswer` as `listing` does. */
export function nextPlace<T>(
  { items, hasMore }: { readonly items: readonly T[]; readonly hasMore: boolean },
  after: string | undefined,
  { operation, placeOf, isBehind }: ListOrder<T>,
): string | undefined {
  let last = after
  for (const item of items) {
    const place = placeOf(item)
    if (last !== undefined && !isBehind(place, last)) {
      throw invalidAnswer(
        `The answer to ${operation} does not lead on: ${quoteText(place)} comes after ${quoteText(last)}.`,
      )
    }
    last = place
  }
  if (!hasMore) return undefined
  if (items.length > 0) return last
  throw invalidAnswer(
    `The answer to ${operation} does not lead on: it says that more follows, and holds nothing.`,
  )
}
