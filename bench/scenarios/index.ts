// The table of scenarios, in the order in which `all` runs them.
import type { Scenario } from '../scenario.ts'
import { analyticsScenario } from '../analytics/scenario.ts'
import { agentScenario } from '../agent/scenario.ts'
import { deliveryScenario } from '../delivery/scenario.ts'
import { deliveryPiecesScenario } from '../delivery/pieces-scenario.ts'
import { functionsScenario } from '../functions/scenario.ts'
import { flinkScenario } from '../flink/scenario.ts'
import { appendScenario } from './append.ts'
import { fanoutScenario } from './fanout.ts'
import { groupsScenario } from './groups.ts'
import { hostileScenario } from './hostile.ts'
import { idleScenario } from './idle.ts'
import { kinesisScenario } from '../kinesis/scenario.ts'
import { latencyScenario } from './latency.ts'
import { limitsScenario } from './limits.ts'
import { putScenario } from './put.ts'
import { readScenario } from './read.ts'
import { reshardScenario } from './reshard.ts'
import { restartScenario } from './restart.ts'
import { retentionScenario } from './retention.ts'
import { shardsScenario } from './shards.ts'
import { tlsScenario } from './tls.ts'

export const scenarios: readonly Scenario[] = [
  limitsScenario,
  appendScenario,
  putScenario,
  readScenario,
  latencyScenario,
  fanoutScenario,
  shardsScenario,
  idleScenario,
  restartScenario,
  reshardScenario,
  retentionScenario,
  groupsScenario,
  hostileScenario,
  tlsScenario,
  kinesisScenario,
  agentScenario,
  deliveryScenario,
  deliveryPiecesScenario,
  functionsScenario,
  analyticsScenario,
  flinkScenario,
]
