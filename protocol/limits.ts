// The table of limits of the protocol and of requests. Runs anywhere.
// A limit is checked where bytes or counts are received, before anything is allocated for them.

const KiB = 1024
const MiB = 1024 * KiB
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

export const limits = {
  /** A frame before the handshake: bounds what the broker holds for a peer that has not sent hello. */
  frameBytesBeforeHello: 64 * KiB,
  /** A frame after the handshake, in either direction, without its length prefix. */
  frameBytesMax: 16 * MiB,
  /** One batch, header included. Larger than the record limit, so that the largest record fits with its framing. */
  batchBytesMax: 12 * MiB,
  /** Records in one batch. */
  batchRecordsMax: 65_536,
  /** Data plus partition key of one record; Kinesis' largest per-stream setting. */
  recordBytesMax: 10 * MiB,
  /** Partition key, in UTF-16 code units, as Kinesis counts it. At least one. */
  partitionKeyLengthMax: 256,
  /** Headers of one record. */
  recordHeadersMax: 64,
  /** Name of a header, in UTF-8. At least one byte. */
  recordHeaderNameBytesMax: 255,
  /** Value of a header. */
  recordHeaderValueBytesMax: 64 * KiB,
  /** Hash keys in the key sample of a compressed or encrypted batch. */
  batchSampledKeysMax: 4,
  /** Id of the key of an encrypted batch. */
  keyIdLengthMax: 128,
  /** Batches in one append request. */
  appendBatchesMax: 4096,
  /** Shards in one fetch request. */
  fetchShardsMax: 4096,
  /** Bytes of batches in one answer to a fetch; also the most credit that one delivery uses. */
  fetchBytesMax: 8 * MiB,
  /** How long a fetch may wait for data. */
  fetchWaitMsMax: 30 * SECOND_MS,
  /** Batches of one shard in one answer or delivery, however small they are. */
  runBatchesMax: 4096,
  /** Outstanding credit of one subscription. */
  subscriptionCreditBytesMax: 64 * MiB,
  /** Subscriptions of one session. */
  subscriptionsPerSessionMax: 4096,
  /** Requests that one session may have unanswered. */
  sessionRequestsInFlightMax: 1024,
  /** Name of a stream. */
  streamNameLengthMax: 128,
  /** Streams of one broker. */
  streamsMax: 10_000,
  /** Open shards of one stream. */
  shardsPerStreamMax: 4096,
  /** Shards of one stream that can be read: the open ones, and those whose last record has not expired. */
  readableShardsPerStreamMax: 65_536,
  /** Shards of all streams: the controller and the owners hold every one of them in memory. */
  shardsMax: 100_000,
  /** Shards of `shardsMax` that are kept for changes that make few shards: one client cannot take all shards. */
  shardsReserved: 6_250,
  /** Shards that a change may make and still use the reserved shards. */
  shardsMadeFew: 4,
  /** Hosts in one answer; a broker's configuration allows far fewer. */
  hostsMax: 4096,
  /** Index of a shard within its stream, as in Kinesis: indexes are never reused. */
  shardIndexMax: 2_147_483_647,
  /** Entries in one page of a list. */
  listPageMax: 1000,
  /** Shortest retention. */
  retentionMsMin: HOUR_MS,
  /** Longest retention, as in Kinesis. */
  retentionMsMax: 8760 * HOUR_MS,
  /** Retention of a stream that is created without one. */
  retentionMsDefault: 24 * HOUR_MS,
  /** Batches per producer and shard whose outcome the broker remembers; also the most a producer has in flight per shard. */
  producerWindowBatches: 8,
  /** The broker remembers a producer that is silent for less than this; no client retries a batch for longer. */
  producerIdleMsMin: 15 * MINUTE_MS,
  /** Producers, counted once per shard, that an owner remembers; each principal, session and address is limited to a share of them. */
  producersPerOwnerMax: 65_536,
  /** Shortest secret that a producer id is derived from: too long to be guessed. */
  producerSecretBytesMin: 16,
  /** Longest secret that a producer id is derived from: short enough to be sent with every batch. */
  producerSecretBytesMax: 64,
  /** Name of a group. */
  groupNameLengthMax: 128,
  /** Groups of one broker. */
  groupsMax: 10_000,
  /** Name of a member of a group. */
  memberIdLengthMax: 128,
  /** The secret by which a member proves its requests. */
  memberSecretBytes: 16,
  /** Members of one group. */
  membersPerGroupMax: 1024,
  /** Streams of one group. */
  streamsPerGroupMax: 256,
  /** Shards of all streams of one group that are not processed to their end. */
  shardsPerGroupMax: 16_384,
  /** Reports, releases or checkpoints in one request of a member. */
  groupShardsPerRequestMax: 4096,
  /** Shortest lease of a member: a pause of the process or of the network must not end it. */
  leaseMsMin: SECOND_MS,
  /** Longest lease of a member: after a crash, its shards stand still for so long. */
  leaseMsMax: 5 * MINUTE_MS,
  /** How long a member may wait for a change of its assignment. */
  groupWaitMsMax: 30 * SECOND_MS,
  /** Name of a registered consumer. */
  consumerNameLengthMax: 128,
  /** Registered consumers of one stream; Kinesis has 20, or 50 on request. */
  consumersPerStreamMax: 50,
  /** Registered consumers of one broker: the controller and every host hold their names in memory. */
  consumersMax: 20_000,
  /** A subscription of a consumer to a shard is not displaced by another one for so long, as in Kinesis. */
  consumerHoldMs: 5 * SECOND_MS,
  /** Kind of a document. */
  documentKindLengthMax: 64,
  /** Name of a document, in UTF-16 code units. At least one. */
  documentNameLengthMax: 200,
  /** Content of one document. */
  documentBytesMax: 256 * KiB,
  /** Documents of one kind. */
  documentsPerKindMax: 10_000,
  /** Documents of one broker: the controller holds the names of all of them in memory. */
  documentsMax: 50_000,
  /** Bytes that all documents may take where they are stored: about a third more than their contents. */
  documentsStoredBytesMax: 256 * MiB,
  /** Bytes of contents in one answer, above which no further document is added. */
  documentAnswerBytesMax: 1 * MiB,
  /** How long a watch of documents may wait for a change. */
  documentWaitMsMax: 30 * SECOND_MS,
  /** Name of a principal. */
  principalNameLengthMax: 128,
  /** Principals of one broker: every process holds all of them in memory. */
  principalsMax: 1000,
  /** Grants of one principal. */
  grantsPerPrincipalMax: 256,
  /** Pattern of a grant: the longest name that can be granted, a document's, with its kind. */
  grantPatternLengthMax: 265,
  /** Tokens of one principal: enough to rotate them, and one for each place that it runs at. */
  tokensPerPrincipalMax: 64,
  /** Access keys of one principal. */
  accessKeysPerPrincipalMax: 16,
  /** Grants of all principals: every process holds them in memory. */
  grantsMax: 16_384,
  /** Tokens of all principals. */
  tokensMax: 8192,
  /** Access keys of all principals. */
  accessKeysMax: 4096,
  /** Names in client certificates that stand for one principal. */
  certificateNamesPerPrincipalMax: 16,
  /** Such a name, with its type: `DNS:shop.example.org`. */
  certificateNameLengthMax: 512,
  /** A token as it is sent. */
  tokenLengthMax: 128,
  /** Description of a token or an access key. */
  descriptionLengthMax: 256,
  /** Text in an error, or a name, on the wire. */
  textBytesMax: 4 * KiB,
  /** A connection without hello is closed after this time. */
  helloDeadlineMs: 10 * SECOND_MS,
  /** A frame must be complete within this time after its first byte. */
  frameDeadlineMs: 30 * SECOND_MS,
  /** A session that sends nothing, not even a ping, is closed after this time; clients ping at a third of it. */
  sessionIdleMs: 90 * SECOND_MS,
  /** An idle subscription hears from the broker at least this often. */
  heartbeatMs: 5 * SECOND_MS,
} as const
