// The profiles of a user: brokers by name, each with the files that prove who the user is. Pure: checks what a file holds, and
// changes profiles as values; profile-file.ts reads and writes them.
import {
  getDotPath,
  exactOptional,
  pipe,
  record,
  regex,
  safeParse,
  strictObject,
  string,
  type BaseIssue,
  type BaseSchema,
  type InferOutput,
} from 'valibot'
import { visible } from '../../protocol/text/visible-text.ts'
import { Failure } from '../failure.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** Names that valibot leaves out of every object. */
const NOT_KEPT: readonly string[] = ['constructor', 'prototype']

/** A field that is not listed is refused by its name: a newer version may mean by it what must not be ignored. */
const profileSchema = strictObject({
  url: string(),
  ca: exactOptional(string()),
  tokenFile: exactOptional(string()),
  cert: exactOptional(string()),
  certKey: exactOptional(string()),
})

/** What a daemon says of itself. */
const localProfileSchema = strictObject({
  url: string(),
  ca: exactOptional(string()),
  tokenFile: exactOptional(string()),
})

const profilesSchema = strictObject({
  use: exactOptional(string()),
  profiles: record(pipe(string(), regex(NAME)), profileSchema),
})

/** A broker, and the paths of the files that a connection to it needs. It holds no secret itself. */
export type Profile = Readonly<InferOutput<typeof profileSchema>>

/** All profiles of a user, and the name of the one in use. */
export type Profiles = Readonly<InferOutput<typeof profilesSchema>>

export const noProfiles: Profiles = { profiles: {} }

/** Parses the file of profiles. Throws Failure (usage), which names the file and the field. */
export function parseProfiles(text: string, path: string): Profiles {
  return parse(profilesSchema, text, path)
}

/** Parses the profile that a daemon writes. Throws Failure (usage), which names the file and the field. */
export function parseLocalProfile(text: string, path: string): Profile {
  return parse(localProfileSchema, text, path)
}

/** Throws Failure (usage) unless this can be the name of a profile. */
export function checkProfileName(name: string): void {
  if (NAME.test(name) && !NOT_KEPT.includes(name)) return
  const rule = NOT_KEPT.includes(name)
    ? 'it means something else in JSON. Take another one.'
    : '1 to 64 letters, digits, _ . - and the first of them a letter or a digit.'
  throw new Failure(`${JSON.stringify(name)} cannot be the name of a profile: ${rule}`, 'usage')
}

/** Returns the profile of a name. Throws Failure (usage), which says which there are. */
export function profileOf({ profiles }: Profiles, name: string, origin?: string): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (profile !== undefined) return profile
  const names = Object.keys(profiles).sort()
  const where = origin === undefined ? '' : `${origin}: `
  throw new Failure(
    `${where}There is no profile ${visible(name)}. ` +
      (names.length === 0
        ? 'There is none yet: add one with `millrace profile add`.'
        : `There ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`),
    'usage',
  )
}

/** Returns the profiles with one more, or with another in its place. */
export function withProfile(profiles: Profiles, name: string, profile: Profile): Profiles {
  return { ...profiles, profiles: { ...profiles.profiles, [name]: profile } }
}

/** Returns the profiles without one. If it was in use, none is in use then. */
export function withoutProfile({ use, profiles }: Profiles, name: string): Profiles {
  const others = Object.fromEntries(Object.entries(profiles).filter(([other]) => other !== name))
  return { ...(use === undefined || use === name ? {} : { use }), profiles: others }
}

/** Returns the profiles with this one in use, or with none. */
export function withUse({ profiles }: Profiles, name: string | undefined): Profiles {
  return { ...(name === undefined ? {} : { use: name }), profiles }
}

function parse<T>(schema: BaseSchema<unknown, T, BaseIssue<unknown>>, text: string, path: string): T {
  const refuse = (what: string): Failure =>
    new Failure(`${visible(path)} ${what}. Correct the file, or remove it.`, 'usage')
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw refuse('is not JSON')
  }
  const { success, output, issues } = safeParse(schema, content)
  if (success) return output
  const [issue] = issues
  const place = getDotPath(issue)
  if (place === null) throw refuse('does not hold a JSON object')
  const field = visible(place)
  if (issue.expected === 'never') throw refuse(`has the field ${field}, which this version does not know`)
  if (issue.type === 'regex') throw refuse(`has the name ${field}, which cannot be the name of a profile`)
  if (issue.received === 'undefined') throw refuse(`lacks the field ${field}`)
  throw refuse(`has something else than ${issue.expected === 'string' ? 'text' : 'an object'} as ${field}`)
}
