// The public names of the client: what `import … from 'millrace'` gives. Runs in the application, on Node. It depends on the
// protocol, and on no other part of the broker.
export { connect, type Client } from './client.ts'
export type { CallOptions, ConnectOptions, LogEntry, RetryPolicy, Rim } from './settings.ts'
export type { Address } from './connecting/address.ts'
export type { GiveToken } from './connecting/token.ts'
export type { Dial } from './connecting/transport.ts'
export type { AskTls, TlsOptions } from './connecting/tls-transport.ts'
export { tlsFiles, tokenFile, type TlsFiles } from './connecting/credential-files.ts'
export {
  MillraceError,
  type AppendAttempt,
  type ErrorCode,
  type ErrorJson,
  type Retry,
  type SideEffects,
} from './errors.ts'
export type {
  CreateStreamOptions,
  DeleteStreamOptions,
  ForceOptions,
  MergeResult,
  ResetGroupOptions,
  SplitOptions,
  SplitResult,
  UpdateShardCountOptions,
} from './streams/admin.ts'
export {
  shardLimitPresets,
  type CapacityMode,
  type Scaling,
  type ShardLimits,
  type ShardLimitsOption,
  type StreamChanges,
  type StreamSettings,
} from './streams/capacity.ts'
export type {
  BrokerDescription,
  BrokerHost,
  LoadWindows,
  ScalingDecision,
  ScalingReport,
  Shard,
  ShardLoad,
  Stream,
} from './streams/descriptions.ts'
export type {
  Consumer,
  ConsumerDescription,
  ConsumerShard,
  ConsumerSubscriber,
} from './consumers/descriptions.ts'
export type {
  Access,
  CreateAccessKeyOptions,
  CreateTokenOptions,
  CredentialsWhere,
  NewAccessKey,
  NewToken,
  PrincipalChanges,
  SigningKey,
  SigningScope,
} from './access/access.ts'
export type {
  CredentialDescription,
  Grant,
  GrantFields,
  GrantInput,
  Principal,
} from './access/descriptions.ts'
export type { Action, GrantKind } from '../protocol/access/grant.ts'
export type { Listing, Page, PageOptions } from './streams/listing.ts'
export type {
  DeleteDocumentOptions,
  Documents,
  DocumentsOptions,
  DocumentsWhere,
  NamedDocument,
  PutDocumentOptions,
} from './documents/documents.ts'
export type { DocumentCodec } from './documents/document-codec.ts'
export type { DocumentChange } from './documents/watch.ts'
export type { KeepOptions, KeptDocument, KeptDocuments } from './documents/kept-documents.ts'
export type { IsolatedKey } from './streams/split-point.ts'
export {
  bytes,
  json,
  msgpack,
  text,
  type BytesInput,
  type Codec,
  type DecoderOption,
  type EncoderOption,
  type RecordKeys,
} from './codecs.ts'
export { fileKeys } from './encryption/file-keys.ts'
export type { EncryptionOptions, Key, KeyProvider } from './encryption/options.ts'
export { staticKeys, type StaticKeys } from './encryption/static-keys.ts'
export type { StandardSchema, StandardIssue, StandardResult } from './codecs/standard-schema.ts'
export {
  aggregate,
  type AggregatedRecord,
  type AggregateOptions,
  type AggregationShard,
} from './aggregation/aggregate.ts'
export { aggregated } from './aggregation/aggregated-codec.ts'
export {
  deaggregate,
  type DeaggregateOptions,
  type StoredAggregate,
  type UserRecord,
} from './aggregation/deaggregate.ts'
export type { RecordInput, StreamRecord } from './record.ts'
export type { HashKeys, Position, StreamPosition } from './reading/position.ts'
export type { RecordIterable } from './producer/sinks/iterable-sink.ts'
export type { PreparedWriter } from './prepared/prepared-writer.ts'
export type { PreparedWriterOptions, PrepareOptions } from './prepared/options.ts'
export type { AppendPlan, PlannedPart } from './prepared/plan.ts'
export type { Producer } from './producer/producer.ts'
export type { ProducerOptions } from './producer/options.ts'
export type { PutOptions } from './producer/puts.ts'
export type { Acknowledgement, BatchAcknowledgement, PutResult } from './producer/acknowledgement.ts'
export type { ProducerMetrics } from './producer/telemetry/meter.ts'
export type { LatencySummary } from './producer/telemetry/latency.ts'
export { producerChannels, type ProducerMessages } from './producer/telemetry/channels.ts'
export type { Group, SeekPlace } from './groups/group.ts'
export type { GroupBatch } from './groups/batches.ts'
export type { Checkpoints } from './groups/checkpoints.ts'
export type {
  GoneStream,
  GroupDescription,
  GroupMember,
  GroupShard,
  GroupSummary,
  GroupTotals,
} from './groups/descriptions.ts'
export type { GroupEvent, GroupShardPlace } from './groups/events.ts'
export type {
  CheckpointPlace,
  GroupHandler,
  GroupOptions,
  GroupRetry,
  GroupStart,
  GroupStreamOption,
  PoisonPolicy,
} from './groups/options.ts'
export type { BatchContext } from './groups/processing/context.ts'
export type {
  ChildShard,
  Fetched,
  FetchOptions,
  ResolvedPosition,
  ResolvePositionOptions,
} from './fetching/options.ts'
export type { Reading } from './reading/reading.ts'
export type { ReadingOptions, ReadOptions, SubscribeOptions } from './reading/options.ts'
export type { OnUnreadable, UnreadableReason, UnreadableRecords } from './reading/unreadable.ts'
