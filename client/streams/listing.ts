// Lists that come in pages: read by `for await`, or a page at a time. Runs in the client.
import { checkOptions } from '../options/check.ts'
import { optionTable } from '../options/table.ts'
import type { CallOptions } from '../settings.ts'

/** One page of a list. */
export interface Page<T> {
  /** In the order of the list. */
  readonly items: readonly T[]
  /** Give it to the next call; undefined on the last page. */
  readonly next: string | undefined
}

/** Which page of a list. */
export interface PageOptions extends CallOptions {
  /** Items in the page, 1 to 1000; 1000 by default. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: string | undefined
}

/** A list that is read by `for await`, or a page at a time. */
export interface Listing<T> extends AsyncIterable<T> {
  /** One page: the first, or the one after another. */
  page(options?: PageOptions): Promise<Page<T>>
}

export function listing<T>(
  shared: CallOptions,
  fetchPage: (options: PageOptions & { limit: number }) => Promise<Page<T>>,
): Listing<T> {
  const page = async (options: PageOptions = {}) => {
    checkOptions('page', options)
    const { limit = optionTable.page.limit.default } = options
    return fetchPage({ ...shared, ...options, limit })
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
