// Versions of the protocol and how two peers agree on one. Runs anywhere, pure.
// The broker picks the newest version that both speak. The version is raised only if appending fields is not enough.
import type { Fail } from './refusal.ts'

export const PROTOCOL_VERSION_MIN = 1
export const PROTOCOL_VERSION_MAX = 1

/** Name by which both sides of a TLS connection agree on this protocol (ALPN, RFC 7301). */
export const ALPN_PROTOCOL = 'millrace/1'

/** Returns the newest version that both sides speak; fails with `unsupportedVersion` if there is none. */
export function negotiateVersion(
  client: { readonly versionMin: number; readonly versionMax: number },
  fail: Fail<'unsupportedVersion'>,
): number {
  const version = Math.min(client.versionMax, PROTOCOL_VERSION_MAX)
  if (version < client.versionMin || version < PROTOCOL_VERSION_MIN) {
    fail(
      'unsupportedVersion',
      `The client speaks protocol versions ${client.versionMin} to ${client.versionMax}, ` +
        `this broker ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION_MAX}: upgrade the older of the two.`,
    )
  }
  return version
}
