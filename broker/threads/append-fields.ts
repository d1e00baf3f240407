// How many numbers a batch has in each of the two lists that an append carries; owner-contract.ts says which they are.
// Runs on a host's main thread and on owner threads.

/** In `entries`: slot, offset in the arena, length; tag, session and address of the producer. */
export const ENTRY_FIELDS = 6

/** In `results`: code, base sequence number, arrival time, 1 if a duplicate of a stored batch. */
export const RESULT_FIELDS = 4
