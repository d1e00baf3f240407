// Which lane the records of a key go through. Runs in the app, pure. It never changes: progress that is kept names lanes.

/** Returns a number from 0 to `lanes` - 1: always the same for a key. */
export function laneOfKey(partitionKey: string, lanes: number): number {
  if (lanes === 1) return 0
  // FNV-1a over UTF-16 units, with a last mix: its low bits alone are poor.
  let hash = 0x811c9dc5
  for (let i = 0; i < partitionKey.length; i++)
    hash = Math.imul(hash ^ partitionKey.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 16)) >>> 0) % lanes
}
