// The number of fields that a batch has in the two lists of an append; owner-contract.ts explains the lists. Runs on a
// host's main thread and on owner threads.

/** In `entries`: slot, offset in the arena, length; the producer's tag, holder and address, the tag of its secret alone, and the quota of its holder. */
export const ENTRY_FIELDS = 8

/** In `results`: code, base sequence number, arrival time, 1 if a duplicate of a stored batch. */
export const RESULT_FIELDS = 4
