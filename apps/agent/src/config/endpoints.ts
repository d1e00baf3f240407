// Where flows of a kind go: the broker of the agent, or an endpoint of AWS' protocol. Pure.

export interface AwsEndpoint {
  readonly url: string
  readonly region: string
}

const REGION_DEFAULT = 'us-east-1'

/** Undefined: the broker. A fault is a clause that says what is wrong. */
export function endpointOf(
  text: string | undefined,
  region: string | undefined,
): AwsEndpoint | undefined | { readonly fault: string } {
  const given = text?.trim() ?? ''
  // AWS' default of us-east-1 is not taken over: a file without an endpoint must not send data to the internet.
  if (given === '' || /^millraces?:\/\//i.test(given)) return undefined
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `https://${given}`
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    return { fault: 'it must be https://…, http://… or millrace://…' }
  }
  return { url, region: region ?? regionIn(parsed.hostname) ?? REGION_DEFAULT }
}

/** `eu-west-1` of `kinesis.eu-west-1.amazonaws.com`, also where the host is that of a VPC endpoint. */
function regionIn(host: string): string | undefined {
  return /(?:^|[.-])(?:kinesis|firehose)(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(host)?.[1]
}
