// The client's only look at the process environment: where the broker is, for programs that do not say it themselves.
// The name and the default are those of the option table (docs/configuration.md); a test holds the two equal.
const URL_VARIABLE = 'MILLRACE_URL'

/** The url that `MILLRACE_URL` names, or a broker on this machine at the default port. */
export function defaultUrl(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const url = environment[URL_VARIABLE]
  return url === undefined || url === '' ? 'millrace://127.0.0.1:7400' : url
}
