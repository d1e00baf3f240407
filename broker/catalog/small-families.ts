// Every kind of small row, in one table. Small rows change often, and one at a time; rows of the catalog change rarely.
// Runs in the controller and in the check; pure data. The store, the types of rows, the check and docs/rows.md derive from
// it. A row has a text as its key, a version that no other row ever had, and a JSON value.
import * as v from 'valibot'
import { actions, grantKinds } from '../../protocol/access/grant.ts'
import { ACCESS_KEY_ID_LENGTH } from '../../protocol/access/access-key.ts'
import { TOKEN_ID_LENGTH } from '../../protocol/access/token.ts'
import { limits } from '../../protocol/limits.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = v.pipe(v.string(), v.minLength(1))

/** Where a group begins in a stream. */
const startPosition = v.strictObject({
  type: v.picklist(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP']),
  timestamp: v.nullable(count),
})

/** What a principal may do with things of a kind. */
const grant = v.strictObject({
  kind: v.picklist(grantKinds),
  pattern: text,
  actions: v.array(v.picklist(actions)),
  expiresAt: v.optional(count),
})

/** Fields that a token and an access key share. */
const credential = {
  principal: text,
  description: v.string(),
  createdAt: count,
  expiresAt: v.optional(count),
  /** To within a minute; absent: it was not used yet. */
  lastUsedAt: v.optional(count),
}
const credentialBytesMax = 1024 + 6 * limits.descriptionLengthMax + limits.principalNameLengthMax

/** A text of the protocol is bounded in characters, each of which takes up to three bytes. */
const memberKeyBytesMax = limits.groupNameLengthMax + 1 + 3 * limits.memberIdLengthMax
/** Of the JSON of a stream that a group or a member names. */
const streamBytesMax = limits.streamNameLengthMax + 256

/** One entry of the table. */
export interface SmallFamily {
  /** First byte of every key of the family; never reused, also not by a family of the catalog. */
  readonly tag: number
  /** What the text of the key is, and its greatest length in bytes of UTF-8. */
  readonly key: string
  readonly keyBytesMax: number
  /** Schema of each row's JSON, and its greatest length in bytes. */
  readonly value: v.GenericSchema
  readonly valueBytesMax: number
  readonly written: string
  readonly lives: string
  readonly doc: string
}

export const smallFamilies = {
  document: {
    tag: 0x20,
    key: 'kind/name',
    keyBytesMax: limits.documentKindLengthMax + 1 + 3 * limits.documentNameLengthMax,
    value: v.strictObject({ content: v.string(), updatedAt: count }),
    // Base64 takes four bytes for three; the rest is for the time and for JSON.
    valueBytesMax: Math.ceil(limits.documentBytesMax / 3) * 4 + 64,
    written: 'when a document is put',
    lives: 'until it is deleted',
    doc: 'What a program keeps in the broker under a name. The content is bytes in Base64.',
  },
  group: {
    tag: 0x21,
    key: 'name',
    keyBytesMax: limits.groupNameLengthMax,
    value: v.strictObject({
      /** Its other rows are being removed. */
      isDeleted: v.boolean(),
      createdAt: count,
      isPaused: v.boolean(),
      /** Numbers up to this one belong to earlier groups of the name. */
      since: count,
      /** The last number that was given, as an epoch, a generation or the number of a member. */
      counter: count,
      streams: v.array(
        v.strictObject({
          name: text,
          streamId: count,
          /** Rises when the group begins anew in the stream: leases of other generations count for nothing. */
          generation: count,
          /** Where shards without a checkpoint begin. */
          from: startPosition,
          /** Shards below this index that have no lease are processed, or were left out at the start. */
          shardsBelow: count,
        }),
      ),
      /** Streams that it has read and that were deleted; absent for none. */
      gone: v.optional(v.array(v.strictObject({ name: text, streamId: count, goneAt: count }))),
      /** The principal that made it, for its quotas; absent where nobody said who asks. */
      createdBy: v.optional(text),
    }),
    valueBytesMax: 1024 + 2 * limits.streamsPerGroupMax * streamBytesMax,
    written: 'when a member joins, shards are assigned, new shards are listed, or a stream is deleted',
    lives: 'until the group is deleted, and its other rows are removed',
    doc: 'A consumer group, and how far it has come in the lineage of each stream.',
  },
  member: {
    tag: 0x22,
    key: 'group/member',
    keyBytesMax: memberKeyBytesMax,
    value: v.strictObject({
      /** Names this membership in the leases; never given twice in the group. */
      number: count,
      /** SHA-256 of its secret, in hex. */
      secretHash: v.string(),
      leaseMs: count,
      streams: v.array(v.strictObject({ name: text, from: startPosition })),
      joinedAt: count,
    }),
    valueBytesMax: 1024 + limits.streamsPerGroupMax * streamBytesMax,
    written: 'when a member joins',
    lives: 'until it leaves, or its lease ends',
    doc: 'A member of a consumer group. Renewals of its lease are not stored: after a restart it has one full lease.',
  },
  lease: {
    tag: 0x23,
    key: 'group/stream id/generation/shard index',
    keyBytesMax: limits.groupNameLengthMax + 64,
    value: v.strictObject({
      /** Rises with every assignment of the shard; 0 before the first. */
      epoch: count,
      /** The member that the shard was assigned to last. It counts only while there is a member of this number. */
      owner: v.nullable(v.strictObject({ memberId: text, number: count })),
      /** The checkpoint: number of the first record that is not processed. */
      next: v.nullable(count),
      checkpointedAt: v.nullable(count),
    }),
    valueBytesMax: 1024 + 6 * limits.memberIdLengthMax,
    written: 'when the shard is listed, assigned, released or checkpointed',
    lives: 'until the shard is processed to its end or has expired, or the group is reset or deleted',
    doc: 'A shard that a consumer group has not processed to its end: its checkpoint, and its last assignment.',
  },
  principal: {
    tag: 0x24,
    key: 'name',
    keyBytesMax: limits.principalNameLengthMax,
    value: v.strictObject({
      createdAt: count,
      /** The principal that made it; one that was made again under its name has another time. Absent for root. */
      madeBy: v.optional(v.strictObject({ name: text, createdAt: count })),
      grants: v.array(grant),
      /** Names in client certificates that stand for it, with their types. */
      certificateNames: v.array(text),
    }),
    // In JSON, a character takes up to six bytes.
    valueBytesMax:
      1024 +
      limits.grantsPerPrincipalMax * (256 + 6 * limits.grantPatternLengthMax) +
      limits.certificateNamesPerPrincipalMax * 6 * limits.certificateNameLengthMax,
    written: 'when it is made, and when its grants or certificate names change',
    lives: 'until it is deleted',
    doc: 'Someone who may use the broker, and what he may do.',
  },
  token: {
    tag: 0x25,
    key: 'id',
    keyBytesMax: TOKEN_ID_LENGTH,
    value: v.strictObject({
      ...credential,
      /** SHA-256 of its secret, in hex. */
      secretHash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      /** Present for a token that the broker wrote to root.token. */
      isInFile: v.optional(v.literal(true)),
      /** Present for a token that the daemon made for an app that it runs. */
      isOfApp: v.optional(v.literal(true)),
    }),
    valueBytesMax: credentialBytesMax,
    written: 'when it is made, and at most once a minute while it is used',
    lives: 'until it is revoked, its principal is deleted, or another token is made after it has expired',
    doc: 'A token, without its secret.',
  },
  accessKey: {
    tag: 0x26,
    key: 'id',
    keyBytesMax: ACCESS_KEY_ID_LENGTH,
    value: v.strictObject({
      ...credential,
      /** Its secret, encrypted by the key file: initialization vector, tag and bytes, in Base64. */
      sealed: text,
      /** Names the key of the file that encrypted it. */
      sealedBy: text,
    }),
    valueBytesMax: credentialBytesMax,
    written: 'when it is made, and at most once a minute while it is used',
    lives:
      'until it is revoked, its principal is deleted, or another access key is made after it has expired',
    doc: 'An access key, with its secret encrypted.',
  },
} as const satisfies Record<string, SmallFamily>

type Families = typeof smallFamilies
export type SmallFamilyName = keyof Families
/** Names of the families, in the order of their tags. */
export const smallFamilyNames = Object.keys(smallFamilies) as readonly SmallFamilyName[]

/** What is stored under a key of the family. */
export type SmallValueIn<F extends SmallFamilyName> = v.InferOutput<Families[F]['value']>
