// Formats principals, tokens and access keys for people. They hold no secrets. Pure.
import type { CredentialDescription, Grant, Principal } from '../../client/index.ts'
import { printGrant } from '../../protocol/access/grant-text.ts'
import { countOf } from '../output/amounts.ts'
import { formatFields, formatTable, type Room } from '../output/table.ts'

const NONE = '-'

/** Tokens, or access keys. */
export function credentialTable(
  credentials: readonly CredentialDescription[],
  { now, room }: { now: number; room: Room },
): string {
  const rows = credentials.map(({ id, principal, description, createdAt, expiresAt, lastUsedAt }) => [
    id,
    principal,
    description === '' ? NONE : description,
    day(createdAt),
    expiresAt === undefined ? 'never' : `${day(expiresAt)}${expiresAt.getTime() <= now ? ' (over)' : ''}`,
    lastUsedAt === undefined ? 'never' : minute(lastUsedAt),
  ])
  const headings = ['id', 'principal', 'description', 'created', 'expires', 'last used']
  return formatTable(headings, rows, room)
}

/** Principals by name. */
export function principalTable(principals: readonly Principal[], room: Room): string {
  const rows = principals.map(({ name, grants, certificateNames, tokens, accessKeys }) => [
    name,
    grants.map(grantText).join('; ') || NONE,
    String(tokens),
    String(accessKeys),
    certificateNames.join(', ') || NONE,
  ])
  return formatTable(['name', 'grants', 'tokens', 'keys', 'certificates'], rows, room)
}

/** One principal. */
export function principalReport(principal: Principal, room: Room): string {
  const { name, createdAt, grants, certificateNames, tokens, accessKeys } = principal
  const facts = formatFields(
    [
      ['name', name],
      ['made', minute(createdAt)],
      ['credentials', `${countOf(tokens, 'token')}, ${countOf(accessKeys, 'access key')}`],
      ['certificates', certificateNames.join(', ') || 'none'],
    ],
    room,
  )
  if (grants.length === 0) return `${facts}\n\nIt may do nothing.`
  const rows = grants.map((grant) => [
    textOf(grant),
    grant.expiresAt === undefined ? 'never' : minute(grant.expiresAt),
  ])
  return `${facts}\n\n${formatTable(['grant', 'expires'], rows, room)}`
}

/** A grant with its end. */
function grantText(grant: Grant): string {
  const text = textOf(grant)
  return grant.expiresAt === undefined ? text : `${text} until ${minute(grant.expiresAt)}`
}

/** Without its end. */
function textOf({ kind, pattern, actions }: Grant): string {
  return printGrant({ kind, pattern, actions })
}

/** To the second would promise more than the broker keeps of a last use. */
function minute(time: Date): string {
  return time.toISOString().replace('T', ' ').slice(0, 16)
}

function day(time: Date): string {
  return time.toISOString().slice(0, 10)
}
