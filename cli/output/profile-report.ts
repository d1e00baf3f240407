// Profiles, and where a verb connects, as fields for people and scripts. Secrets are named by where they are. Pure.
import type { Profile } from '../connecting/profiles.ts'
import type { Sourced, Target } from '../connecting/resolve.ts'

type Field = readonly [name: string, value: string]

/** The fields of a profile. */
export function profileFields(name: string, profile: Profile): [string, string][] {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['name', name],
    ['url', profile.url],
    ['ca', profile.ca],
    ['token file', profile.tokenFile],
    ['certificate', profile.cert],
    ['key', profile.certKey],
  ]
  return fields.flatMap(([label, value]) => (value === undefined ? [] : [[label, value]]))
}

/** Where a verb connects, each value with what it came from. */
export function targetFields({ url, origin, tls, token, unreadable }: Target): [string, string][] {
  const from = (label: string, sourced: Sourced<string> | undefined): Field[] =>
    sourced === undefined ? [] : [[label, `${sourced.value} (${sourced.origin})`]]
  const fields: Field[] = [
    ['url', `${url} (${origin})`],
    ...from('ca', tls.ca),
    ...from('certificate', tls.cert),
    ...from('key', tls.certKey),
    ['token', tokenText(token)],
    ...(unreadable === undefined
      ? []
      : [['note', `${unreadable} is there, and this user may not read it`] as const]),
  ]
  return fields.map(([label, value]) => [label, value])
}

function tokenText(token: Target['token']): string {
  if (token === undefined) return 'none'
  return token.kind === 'file' ? `in ${token.path} (${token.origin})` : `in ${token.origin}`
}

/** The same for scripts. The token itself is not in it. */
export function targetJson({ url, origin, tls, token }: Target): object {
  const place = token?.kind === 'file' ? { path: token.path } : {}
  return {
    url: { value: url, origin },
    ...tls,
    ...(token === undefined ? {} : { token: { ...place, origin: token.origin } }),
  }
}
