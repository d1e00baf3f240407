// The table of jobs of load processes. Load processes import it; the bench's main process imports only its types.
import { measureFdatasync } from '../limits/fdatasync.ts'
import { receiveLoopback, sendLoopback } from '../limits/loopback.ts'
import { measureRawLmdb } from '../limits/raw-lmdb.ts'
import { runAgentOnce, runPlainTail } from './agent/files.ts'
import { runAgentLatency } from './agent/latency.ts'
import { runAppend } from './append.ts'
import { runQueryDrain } from './analytics/drain.ts'
import { runFillClicks } from './analytics/fill-clicks.ts'
import { runIdleQueries } from './analytics/idle-queries.ts'
import { runQueryLatency } from './analytics/latency.ts'
import { runScan } from './analytics/scan.ts'
import { runApp } from './apps/app-process.ts'
import { runFillJson } from './apps/fill-json.ts'
import { runDeliveryDrain, runPlainDrain } from './delivery/drain.ts'
import { runDeliveryLatency } from './delivery/latency.ts'
import { runDeliveryFormat, runDeliveryPipeline } from './delivery/pieces.ts'
import { runFill } from './fill.ts'
import { runFollow } from './follow.ts'
import { runFunctionsDrain } from './functions/drain.ts'
import { runHttpTarget } from './functions/http-target.ts'
import { runFunctionsLatency } from './functions/latency.ts'
import { runGroupCheckpoints } from './groups/checkpoints.ts'
import { runGroupConsume } from './groups/consume.ts'
import { runGroupMember } from './groups/member.ts'
import { runIdleMembers } from './groups/idle-members.ts'
import { runHellos } from './hostile/hellos.ts'
import { runNeverReaders } from './hostile/never-readers.ts'
import { runNewcomers } from './hostile/newcomers.ts'
import { runSlowHeaders } from './hostile/slow-headers.ts'
import { runHandshakes } from './handshakes.ts'
import { runKinesisDoor } from './kinesis/door.ts'
import { runKinesisPut } from './kinesis/put.ts'
import { runKinesisRead } from './kinesis/read.ts'
import { runKinesisSubscribe } from './kinesis/subscribe.ts'
import { runLatency } from './latency.ts'
import { runPut } from './put.ts'
import { runRead } from './read.ts'
import { runSteady } from './steady.ts'

export const jobs = {
  fdatasync: measureFdatasync,
  rawLmdb: measureRawLmdb,
  loopbackSink: receiveLoopback,
  loopbackSource: sendLoopback,
  append: runAppend,
  fill: runFill,
  put: runPut,
  read: runRead,
  latency: runLatency,
  handshakes: runHandshakes,
  steady: runSteady,
  follow: runFollow,
  neverReaders: runNeverReaders,
  hellos: runHellos,
  newcomers: runNewcomers,
  slowHeaders: runSlowHeaders,
  groupConsume: runGroupConsume,
  groupCheckpoints: runGroupCheckpoints,
  groupMember: runGroupMember,
  idleMembers: runIdleMembers,
  kinesisDoor: runKinesisDoor,
  kinesisPut: runKinesisPut,
  kinesisRead: runKinesisRead,
  kinesisSubscribe: runKinesisSubscribe,
  agentOnce: runAgentOnce,
  plainTail: runPlainTail,
  agentLatency: runAgentLatency,
  app: runApp,
  fillJson: runFillJson,
  deliveryDrain: runDeliveryDrain,
  plainDrain: runPlainDrain,
  deliveryLatency: runDeliveryLatency,
  functionsDrain: runFunctionsDrain,
  functionsLatency: runFunctionsLatency,
  httpTarget: runHttpTarget,
  deliveryFormat: runDeliveryFormat,
  deliveryPipeline: runDeliveryPipeline,
  fillClicks: runFillClicks,
  sqlScan: runScan,
  queryDrain: runQueryDrain,
  queryLatency: runQueryLatency,
  idleQueries: runIdleQueries,
} as const
