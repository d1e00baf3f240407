// The table of bars: the value that each figure must reach on two cores shared by client and broker, with every
// acknowledgement flushed. Pure. Bars that depend on limits of the machine are functions of limits measured in the same run.
import type { Bar } from './report/figure.ts'

const atLeast = (value: number, because?: string): Bar => ({
  sense: 'atLeast',
  value,
  ...(because ? { because } : {}),
})
const atMost = (value: number, because?: string): Bar => ({
  sense: 'atMost',
  value,
  ...(because ? { because } : {}),
})

const KIB_APPEND_MEGABYTES = 180
const KIB_APPEND_OF_RAW = 0.6

export const bars = {
  /** Records a second of 100 bytes, from one producer process. */
  smallAppends: atLeast(500_000),
  /** Records of 1 KiB: an absolute figure, or a part of what raw lmdb-js writes for the same batches. */
  kibAppends: (rawMegabytes: number): Bar => {
    const ofRaw = KIB_APPEND_OF_RAW * rawMegabytes
    return ofRaw < KIB_APPEND_MEGABYTES
      ? atLeast(ofRaw, `${KIB_APPEND_OF_RAW * 100} % of raw lmdb-js`)
      : atLeast(KIB_APPEND_MEGABYTES)
  },
  /** Records a second that one reader takes. */
  reads: atLeast(800_000),
  /** End-to-end push at 5,000 records a second, as a multiple of the machine's fdatasync. */
  pushP50: (flushP50: number): Bar => atMost(4 * flushP50, '4× fdatasync p50'),
  pushP99: (flushP99: number): Bar => atMost(10 * flushP99, '10× fdatasync p99'),
  /** Throughput over 256 shards, in percent of the throughput over 4, on one host. */
  manyShards: atLeast(70),
  /** Memory of controller and hosts that 1,000 idle shards add. */
  idleShards: atMost(100),
  /** Unbatched puts a second from 64 connections. */
  puts: atLeast(10_000),
  /** Opening a directory with data, as a multiple of opening an empty one. */
  restart: atMost(1.5, 'about as long as empty'),
  /** From the request of a split to the answer that its children take records, under load. */
  split: atMost(250),
  /** From the intended send time to the acknowledgement, while shards are split. */
  ackWhileSplitting: atMost(500),
  /** Throughput while ten splits are made, in percent of the throughput without splits. */
  splittingThroughput: atLeast(80),
  /** From 1 shard to 64 and back to 1, under load. */
  rescale: atMost(30),
  /** Loss of append throughput by removal and compaction, in percent. */
  retentionCost: atMost(20),
  /** MiB of memory of controller and hosts that hundreds of clients add which ask for much and read nothing. */
  neverReaders: atMost(400),
  /** From the dial of a new client to the first answer to a request, while thousands of idle connections are open. */
  newcomer: atMost(1000),
  /** Lines a second of 100 bytes that the agent sends from a file. */
  agentLines: atLeast(300_000),
  /** Milliseconds that the agent adds to the way of a line to its reader, at its smallest buffers. */
  agentLatency: atMost(20),
  /** MB a second of records that a delivery writes as they are, in gzip, and in Parquet. */
  deliveryRaw: atLeast(200),
  deliveryGzip: atLeast(60),
  deliveryParquet: atLeast(80),
  /** Milliseconds that a delivery without buffers adds to the way of a record, against a plain member of a group. */
  deliveryLatency: atMost(20),
  /** Records a second of 100 bytes through a function that is a module, in batches of 500. */
  functionRecords: atLeast(150_000),
  /** Milliseconds that a function adds to the way of a record, without a window, against a plain member of a group. */
  functionLatency: atMost(20),
  /** Records a second that a question reads two columns of. */
  analyticsScan: atLeast(1_000_000),
  /** Clicks of 200 bytes a second that a continuous query counts by key in tumbling windows, and averages in sliding ones. */
  analyticsTumbling: atLeast(600_000),
  analyticsSliding: atLeast(200_000),
  /** Milliseconds from the end of a window to its results, p99. */
  analyticsLatency: atMost(250),
  /** Percent of a core, and MB, of the app with 50 queries to which nothing comes. */
  analyticsIdle: atMost(10),
  analyticsIdleMemory: atMost(600),
  /** Records a second that one member of a group hands to a handler of batches, and to one of single records. */
  groupBatches: atLeast(1_000_000),
  groupRecords: atLeast(400_000),
  /** Checkpoints a second that are stored before they are answered. */
  checkpoints: atLeast(10_000),
  /** Processor time of the controller for 1,000 idle members, in percent of one core. */
  idleMembers: atMost(5),
  /** From the end of a member by a signal to the first record of its last shard in another one. */
  takeOver: (leaseMs: number): Bar => atMost(leaseMs + 1000, 'lease + 1 s'),
  /** Processor time of the broker for each byte that 20 subscribers are sent, and push p99, as multiples of those for one. */
  fanOutCost: atMost(3),
  fanOutP99: atMost(2),
  /** Appends of 100 bytes by TLS and with a token, in percent of those in plaintext. */
  tlsAppends: atLeast(60),
  /** Push p99 by TLS, as a multiple of that in plaintext. */
  tlsPushP99: atMost(1.5),
  /** Until a thousand clients are back after a restart. */
  tlsHandshakes: atMost(10),
  /** PutRecords by the JavaScript SDK, as multiples of what other servers of the API take in the same run. */
  kinesisOfPeer: { kinesalite: atLeast(10), 'kinesis-local': atLeast(5) },
  /** PutRecord a second from 64 callers. */
  kinesisPuts: atLeast(5000),
  /** From the intended send time of a record to its arrival by SubscribeToShard. */
  kinesisPushP50: atMost(15),
  /** Records a second that one process takes by GetRecords. */
  kinesisReads: atLeast(200_000),
  /** What must not happen. */
  none: atMost(0),
  /** What is answered at all: each of them. */
  all: (count: number): Bar => atLeast(count, 'all'),
} as const
