// How long the handlers of records wait for the broker. Pure.

/** SDKs give a request up after ten seconds or more; until then the broker may come back. */
export const ANSWER_TIMEOUT_MS = 8_000
