// Makes docs/protocol.md from the tables of operations, events and limits, and from the diagrams in the code.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { batchOffsets } from '../../protocol/batch/batch.ts'
import { batchFieldRows } from '../../protocol/batch/batch-fields.ts'
import { errorCodes, universalErrors } from '../../protocol/error-codes.ts'
import { events, type EventEntry } from '../../protocol/events.ts'
import { limits } from '../../protocol/limits.ts'
import { errorShape, messageKinds } from '../../protocol/frame/messages.ts'
import type { GrantRule } from '../../protocol/operations/grant-rule.ts'
import { operations, type Operation, type Plane } from '../../protocol/operations.ts'
import { producerIdentityOf } from '../../protocol/producer-identity.ts'
import { PROTOCOL_VERSION_MAX, PROTOCOL_VERSION_MIN } from '../../protocol/version.ts'
import { fieldTable } from './fields.ts'
import { limitTable } from './limits.ts'
import { amount, code, diagramOf, table } from './markdown.ts'

const planes: Readonly<Record<Plane, string>> = {
  session: 'Session: served by every process',
  control: 'Control: served by the controller',
  data: 'Data: served by the host that owns the shard',
}

const versions = [...new Set([PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_MAX])].join(' to ')

/** The page as Markdown; `root` is the folder of the sources. */
export function protocolPage(root: string): string {
  const source = (name: string): string => readFileSync(join(root, 'protocol', name), 'utf8')
  return [
    introduction,
    frames(diagramOf(source('frame/frame.ts'))),
    bodies,
    `## Operations

Besides the errors named below, any operation may fail with ${universalErrors.map(code).join(', ')}. What each code means
for a retry stands in [errors](errors.md).`,
    ...Object.entries(planes).map(([plane, title]) => `### ${title}\n\n${operationsOn(plane as Plane)}`),
    `## Events

Messages that nobody answers.

${Object.entries<EventEntry>(events).map(eventSection).join('\n\n')}`,
    batches(diagramOf(source('batch/batch.ts')), diagramOf(source('batch/record-layout.ts'))),
    encryption(diagramOf(source('batch/envelope.ts'))),
    hashKeys,
    `## Limits\n\n${limitTable(source('limits.ts'))}`,
    evolution,
  ].join('\n\n')
}

const introduction = `# Protocol

How a program speaks to a Millrace broker. The command line and the TypeScript client use nothing else, and nothing in it
needs TypeScript: frames are msgpack, batches are a fixed layout.

A broker is one controller and one or more shard hosts, each with a TCP port of its own. A client connects to the
controller (7400 by default), asks it which host serves which shard (\`describeRouting\`), and sends records straight to
that host. All of them speak this protocol; which operations a process serves is said below.

A connection begins with \`hello\`, within ${amount(limits.helloDeadlineMs, 'ms')} and in a frame of at most
${amount(limits.frameBytesBeforeHello, 'bytes')}: the two agree on the newest version that both
speak (this broker: ${versions}). After that, requests may be sent without waiting for answers, up to
${amount(limits.sessionRequestsInFlightMax, 'count')} unanswered; answers come in any order and are matched by correlation
id. A connection that sends nothing for ${amount(limits.sessionIdleMs, 'ms')} is closed: send a \`ping\` when there is
nothing else to say. What a side cannot read as a frame ends the connection, with the reason as its last message where that
can still be sent.`

function frames(diagram: string): string {
  return `## Frames

${diagram}

A length is that of the payload: at least 1, at most ${amount(limits.frameBytesMax, 'bytes')}. A frame whose first byte has
arrived must be complete within ${amount(limits.frameDeadlineMs, 'ms')}. The payload is one msgpack array:

${table(
  ['kind', 'name', 'id', 'correlation id', 'body'],
  [
    [
      String(messageKinds.request),
      'request',
      "the operation's",
      'chosen by the sender',
      "the operation's request",
    ],
    [
      String(messageKinds.response),
      'response',
      "the operation's",
      "the request's",
      "the operation's response",
    ],
    [
      String(messageKinds.error),
      'error',
      "the error code's",
      "the request's; 0 for the connection",
      'see below',
    ],
    [String(messageKinds.event), 'event', "the event's", '0', "the event's body"],
  ],
)}

The body of an error:

${fieldTable(errorShape)}`
}

const bodies = `## Bodies

A body is a msgpack array of fields by place. A reader ignores what comes after the fields that it knows, and reads a
missing optional field, or nil, as absent. Of msgpack only nil, booleans, numbers, text, bytes and arrays are used, with
arrays at most 16 deep; maps and extensions are refused.

${table(
  ['kind', 'on the wire'],
  [
    ['text', 'str, UTF-8; its bound counts bytes'],
    ['uint', 'a whole number from 0 to 2^53 − 1, in any msgpack form; bounds are inclusive'],
    ['boolean', 'true or false'],
    ['bytes', 'bin'],
    ['hash key', 'bin of 16 bytes: an unsigned 128-bit number, big-endian'],
    ['choice (`0 word, 1 word`)', "the word's number"],
    ['list', 'an array of that kind'],
    ['array of fields', 'an array by place, like a body'],
  ],
)}`

function operationsOn(plane: Plane): string {
  return Object.entries<Operation>(operations)
    .filter(([, operation]) => operation.plane === plane)
    .map(([name, operation]) => operationSection(name, operation))
    .join('\n\n')
}

function operationSection(name: string, operation: Operation): string {
  const { id, since, idempotent, doc, grant, request, response, errors } = operation
  const repeat = idempotent ? 'Sending it twice has the effect of sending it once.' : 'Not idempotent.'
  return `#### ${name}

${doc} Operation ${id}, since version ${since}. ${repeat} ${grant.map(grantSentence).join(' ')}

Request:

${fieldTable(request)}

Response:

${fieldTable(response)}
${errors.length === 0 ? '' : `\nErrors: ${errors.map(code).join(', ')}.`}`
}

/** What the sender must be granted, as a sentence. */
function grantSentence(grant: GrantRule): string {
  switch (grant.rule) {
    case 'everyone':
      return 'Served before the broker knows who asks.'
    case 'ownSession':
      return 'Needs no grant: it touches only what the session began.'
    case 'may':
      return `Needs ${code(grant.action)} on the ${grant.on} named by ${code(grant.at)}${grant.each ? ', each item for itself' : ''}; where the sender may not see it: ${code(grant.hidden)}.`
    case 'mayBroker':
      return `Needs ${code(grant.action)} on the broker.`
    case 'shows':
      return `Shows each ${grant.on} that the sender may ${code(grant.action)}.`
    case 'delegates':
      return 'Needs `admin` on all that the principal concerned is granted, or is sent by that principal to take from itself.'
  }
}

function eventSection([name, { id, since, from, doc, body }]: [string, EventEntry]): string {
  return `### ${name}\n\n${doc} Event ${id}, from the ${from}, since version ${since}.\n\n${fieldTable(body)}`
}

function encryption(envelope: string): string {
  return `## Encrypted batches

A producer may encrypt the records of a batch, after it has compressed them. Attributes bit 6 says so, and in place of the records
stands an envelope:

${envelope}

- The cipher is XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM under a key that is derived, for each batch, from the key of the
  id and the first 12 bytes of the nonce; the other 12 are the nonce of AES-GCM. The nonce is random, and never used again.
- Authenticated beside the records are, in this order: bytes 0 to ${batchOffsets.bodyCrc - 1} of the batch; bytes ${batchOffsets.attributes} to the last of the nonce, so
  the rest of the header, the key sample and the key id too; and the name of the stream in ASCII. The checksums and the stamped fields
  are not.
- A batch that is sent again is the same bytes. One that gets other numbers, another epoch or another producer id is encrypted anew
  with another nonce: under one nonce no two headers may be authenticated.
- The broker checks the lengths in the envelope, and that the key id is made of 1 to ${limits.keyIdLengthMax} visible ASCII characters. It refuses nothing
  else: that the records decrypt, inflate and can be taken apart is for readers to find.
- An encrypted batch may have a key sample, also where it is not compressed.`
}

function batches(batch: string, record: string): string {
  return `## Batches

Records travel, are stored and are read in batches: at most ${amount(limits.batchBytesMax, 'bytes')} and
${amount(limits.batchRecordsMax, 'count')} records of one producer for one shard. The broker checks the header, the
checksum and, where they are neither compressed nor encrypted, the records, and stamps the fields marked * with their checksum. What it finds wrong in
header or records it refuses as \`invalidBatch\` (${errorCodes.invalidBatch.id}), and stores nothing of the batch. Numbers are
little-endian but for hash keys; checksums are CRC-32 as in zlib.

${batch}

The same byte by byte:

${table(
  ['byte', 'bytes', 'field', 'meaning'],
  batchFieldRows().map(({ name, at, bytes, doc }) => [String(at), String(bytes), code(name), doc]),
)}

- All of a batch's hash keys lie within its bounds, and the bounds within the shard's range: otherwise
  \`hashKeyOutOfRange\` (${errorCodes.hashKeyOutOfRange.id}).
- The sequence number of a record is the batch's base plus the record's place in it. The tail rises by the record count.
- Attributes hold the codec in bits 0 to 2: 0 none, 1 gzip, 2 zstd; the number of sampled keys in bits 3 to 5; in bit 6 whether the
  records are encrypted; the rest is zero. A batch in which it is not is refused as \`invalidBatch\` (${errorCodes.invalidBatch.id}).
  recordBytes is the length of the records uncompressed and not encrypted: who inflates them stops there.
- The broker never inflates and has no keys. So that it learns of the load of compressed and encrypted batches where to split a shard, and which key is hot, these
  may tell up to ${limits.batchSampledKeysMax} of their hash keys, drawn so that each stands for as many bytes of records as the others. Nobody checks
  them against the records; one outside of the batch's bounds is refused as \`invalidBatch\` (${errorCodes.invalidBatch.id}).
- Fields marked * are zero when a batch is sent.

### Producers that retry

A producer that wants its retries stored once has an id, for each shard another one. An id of 0 is for batches of which a retry is stored
again.

- **The id is made of a secret.** Draw ${limits.producerSecretBytesMin} bytes or more (at most ${limits.producerSecretBytesMax}) from a source that cannot be guessed,
  and take their SHA-256. The id is its first 8 bytes as a little-endian number, modulo 2^53; if that is 0, draw again. Send the
  secret as \`producerSecret\` beside every batch that carries the id, and nowhere else: every reader of the stream sees the
  id, and only the secret lets write under it. Without it, or where the shard knows the id with another secret, a batch is
  \`producerUnproven\` (${errorCodes.producerUnproven.id}), and nothing of it is stored; take a new secret then. For example, the secret
  of 16 zero bytes makes the id ${producerIdentityOf(new Uint8Array(16)).producerId}.
- **Numbers follow without a gap.** The records of an id are counted from 0; a batch tells the number of its first one. Send them in order, at most
  ${limits.producerWindowBatches} batches unanswered. A gap is \`outOfOrderSequence\` (${errorCodes.outOfOrderSequence.id}): send what is missing first.
- **A retry is the same bytes.** The broker remembers the last ${limits.producerWindowBatches} batches of an id with their bodyCrc. The same batch again is answered with
  the numbers it has; anything else that touches their records' numbers is \`sequenceReused\` (${errorCodes.sequenceReused.id}), and is
  not stored; one from before them is \`duplicateTooOld\` (${errorCodes.duplicateTooOld.id}). So keep the bytes until the answer is there, and never encode
  a batch anew under numbers that were sent, not even with another compression.
- **A new epoch begins at 0 again**, and fences the older one: a late batch of the older epoch is \`producerFenced\` (${errorCodes.producerFenced.id}).
  Begin one only when nothing sent before may still be stored unnoticed.
- **A closed shard still answers for what it stored.** Ask it about every batch in doubt before the rest of its records go to its
  children, under other ids.
- An id that was silent for ${amount(limits.producerIdleMsMin, 'ms')} may be forgotten: try no longer than that to have a batch stored.
  Until then it takes room: use few ids, each for long. Above a session's share, new ones are \`tooManyProducers\` (${errorCodes.tooManyProducers.id}).

### Records

Records lie one after the other, each:

${record}

Data and partition key together have at most ${amount(limits.recordBytesMax, 'bytes')}; a partition key has 1 to
${limits.partitionKeyLengthMax} characters (UTF-16 code units), stored as UTF-8. A record has at most ${limits.recordHeadersMax} headers with a value of at most
${amount(limits.recordHeaderValueBytesMax, 'bytes')} each; no two have one name. Keys and names are well-formed UTF-8. Exactly \`recordCount\` records fill the
batch to its end, and an explicit hash key lies within the batch's bounds. A reader refuses records that break one of these rules, so a producer
that compresses them must keep the rules itself: the broker would store the batch, and no reader could decode it.`
}

const hashKeys = `## Hash keys

The hash key of a record is the MD5 of its partition key's UTF-8, as an unsigned 128-bit big-endian number, or the explicit
hash key that it carries. The open shards of a stream cover 0 to 2^128 − 1 exactly once; a new stream of N shards is cut in
steps of floor(2^128 / N), the last shard taking the remainder. Both ends of a range belong to it.

Sequence numbers are whole numbers below 2^53 that rise within a shard, and from a shard to its children; they are never
used twice. Arrival times are milliseconds since the epoch that never go backwards within a shard.`

const evolution = `## How it changes

Ids are never used twice. A field, an error code or an operation may be added at any time: readers ignore fields that they
do not know, an unknown error reads as \`internal\`, and an unknown operation is refused as \`unknownOperation\`. A new event,
or any other incompatible change, raises the version; every entry says since which version it exists.`
