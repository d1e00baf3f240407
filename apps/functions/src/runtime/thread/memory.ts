// What a thread holds: its own heap without the youngest objects, and buffers beside it. Runs in a thread of a module.
import { getHeapSpaceStatistics } from 'node:v8'

const YOUNG = new Set(['new_space', 'new_large_object_space'])

export function heldBytes(): number {
  let held = process.memoryUsage().arrayBuffers
  for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics()) {
    if (!YOUNG.has(name)) held += used
  }
  return held
}
