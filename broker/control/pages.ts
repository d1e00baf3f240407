// Pages of lists that clients ask for. Runs in the controller; pure.
import { limits } from '../../protocol/limits.ts'
import { refusal } from '../../protocol/refusal.ts'

/** Throws `invalidArgument` for a page without entries. The upper bound is checked where the request is decoded. */
export function checkPage(limit: number): void {
  if (limit >= 1) return
  throw refusal('invalidArgument', `limit is ${limit}: a page holds from 1 to ${limits.listPageMax}.`)
}

/** Takes the first `limit` items, and says whether there are more; reads at most one item further. */
export function pageOf<T>(
  items: Iterable<T>,
  limit: number,
): { readonly page: readonly T[]; readonly hasMore: boolean } {
  const page: T[] = []
  for (const item of items) {
    if (page.length === limit) return { page, hasMore: true }
    page.push(item)
  }
  return { page, hasMore: false }
}
