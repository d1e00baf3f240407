// Makes docs/grants.md: who may do what. Its table derives from the table of operations. Pure.
import { actions, type Action } from '../../protocol/access/grant.ts'
import type { GrantRule } from '../../protocol/operations/grant-rule.ts'
import { operations, type Operation } from '../../protocol/operations.ts'
import { code, table } from './markdown.ts'

const kinds = ['stream', 'group', 'document', 'broker'] as const

/** The page as Markdown. */
export function grantsPage(): string {
  return `# Grants

What a principal may do, where a broker wants to know who asks. Nothing is granted by default, and no grant takes away.

A grant reads \`[kind:]pattern:actions\`, for example \`orders-*:read,write\` or \`group:billing:read\`. The kind is
\`stream\` where it is left out; others are \`group\`, \`document\` (named \`kind/name\`) and \`broker\` (\`broker:*\`). The
pattern is an exact name, or a prefix that ends in \`*\`. \`read\`, \`write\` and \`manage\` include \`describe\`; \`admin\` includes
all of them, and alone lets its holder pass grants on. \`*:*:admin\` is everything.

## What needs what

An operation that stands in several rows needs all of them. [Protocol](protocol.md) says for each operation where it names what.

${grantsTable()}

Operations on principals and credentials need \`admin\` on all that the principal concerned is granted.

## What is said of what is not granted

- **What one may not describe does not exist.** A request for it gets the error, the text and the path of a name that does not exist,
  and lists, descriptions of groups and watches leave it out. That is decided before anything is looked up. Where an operation would
  make what it does not find, it is \`permissionDenied\`, whether the name is taken or not.
- **What one may describe and not do** is \`permissionDenied\`, and the message names the missing grant.
- \`append\` and \`fetch\` are answered part by part: only the parts that are not granted are refused.
- **A grant that is taken or ends** bites open sessions: subscriptions end, waiting fetches are answered, a member of a group is none any
  more and gives its shards to others. Appends under way finish.
- What remains visible to everybody who is known: that limits of the whole broker are reached, and by the versions of documents how
  many changes there were in all.

## Whose a thing is

- **A producer id** belongs to the principal that wrote under it first at a shard, as long as the shard remembers it: in the hands of
  another, its secret is \`producerUnproven\`. One that was used while access was open belongs to the first principal that shows its
  secret; where access is opened again, ids of principals are refused to clients that do not say who they are. At a shard that does not
  know the id, whoever has the secret may begin it: keep it as a token.
- **A registered consumer** belongs to the principal that registered it: to subscribe as another's, or to deregister it, takes
  \`manage\` on the stream. One that was registered while access was open belongs to nobody.
- **A member of a group** belongs to the principal that joined: to another it is \`memberExists\` or \`memberNotFound\`, whatever secret it
  shows.
`
}

function grantsTable(): string {
  const rows = kinds.flatMap((kind) =>
    actions.flatMap((action) => {
      const needing = operationsThat((rule) => needs(rule, kind, action))
      return needing.length === 0 ? [] : [[code(kind), code(action), needing.map(code).join(', ')]]
    }),
  )
  const lists = kinds.flatMap((kind) =>
    actions.flatMap((action) => {
      const showing = operationsThat(
        (rule) => rule.rule === 'shows' && rule.on === kind && rule.action === action,
      )
      return showing.length === 0
        ? []
        : [[code(kind), `${code(action)}, for each one shown`, showing.map(code).join(', ')]]
    }),
  )
  return table(['on', 'action', 'operations'], [...rows, ...lists])
}

function operationsThat(matches: (rule: GrantRule) => boolean): readonly string[] {
  return Object.entries<Operation>(operations).flatMap(([name, { grant }]) =>
    grant.some(matches) ? [name] : [],
  )
}

function needs(rule: GrantRule, kind: (typeof kinds)[number], action: Action): boolean {
  if (rule.rule === 'mayBroker') return kind === 'broker' && rule.action === action
  return rule.rule === 'may' && rule.on === kind && rule.action === action
}
