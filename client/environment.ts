// The only place where the client reads the process environment: the broker's url, for programs that give none.
// A test checks that name and default are those of the option table (docs/configuration.md).
const URL_VARIABLE = 'MILLRACE_URL'

/** Returns the url in `MILLRACE_URL`, or that of a broker on this machine at the default port. */
export function defaultUrl(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const url = environment[URL_VARIABLE]
  return url === undefined || url === '' ? 'millrace://127.0.0.1:7400' : url
}
