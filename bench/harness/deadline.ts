// Waits that end: a measurement of a broker that does not answer must end, too. Runs in every process of the bench.

/** Settles as the promise does, or rejects after `ms` with an error that names what was waited for. */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`${what}: not done within ${ms} ms`))
    const timer = setTimeout(late, ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
