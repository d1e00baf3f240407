// Shares one run of an expensive function between callers that ask while it runs. Runs anywhere; pure.

/** Returns a function that starts `run`, or joins the run that is under way. */
export function sharedRun<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () =>
    (running ??= run().finally(() => {
      running = undefined
    }))
}
