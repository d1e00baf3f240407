// A controller over fake hosts, catalog and time, called as a client calls it.
import {
  createController,
  type Controller,
  type ControllerOptions,
} from '../../../../broker/control/controller.ts'
import { resolveConfig } from '../../../../broker/config/resolve.ts'
import type { Context } from '../../../../broker/server/dispatch.ts'
import { createTelemetry } from '../../../../broker/telemetry/instruments.ts'
import { silentLog, type Logger } from '../../../../broker/telemetry/log.ts'
import { FRAME_PREFIX_BYTES } from '../../../../protocol/frame/frame.ts'
import { decodeMessage, decodeResponse, SharedResponse } from '../../../../protocol/frame/messages.ts'
import { MillraceError } from '../../../../protocol/millrace-error.ts'
import type { OperationOn, RequestOf, ResponseOf } from '../../../../protocol/operations.ts'
import { FakeHosts } from './fake-hosts.ts'
import { FakeTime, settled } from './fake-time.ts'
import { memoryFile } from './memory-file.ts'
import type { MemoryCatalog } from './memory-catalog.ts'
import { MemorySmallRows } from './memory-small-rows.ts'
import { Asker } from '../../access/support/asker.ts'
import { fail } from '../../../support/fail.ts'

type Control = OperationOn<'control'>
/** A request in which optional fields may be left out. */
type Asked<N extends Control> = Partial<RequestOf<N>>

/** Returns the answer as a client reads it, also where it is a SharedResponse. */
export async function askOf<N extends Control>(
  controller: Controller,
  operation: N,
  request: Asked<N>,
  context = { session: Asker.session() } as Partial<Context<N>> as Context<N>,
): Promise<ResponseOf<N>> {
  const answer: unknown = await controller.handlers[operation](request as RequestOf<N>, context)
  if (!(answer instanceof SharedResponse)) return answer as ResponseOf<N>
  const message = decodeMessage(Buffer.concat(answer.encode(1)).subarray(FRAME_PREFIX_BYTES))
  return decodeResponse(operation, message.kind === 'response' ? message.wire : undefined)
}

export class TestController {
  readonly controller: Controller
  readonly hosts: FakeHosts
  readonly time: FakeTime
  readonly broken: Error[]

  private constructor(controller: Controller, parts: { hosts: FakeHosts; time: FakeTime; broken: Error[] }) {
    this.controller = controller
    this.hosts = parts.hosts
    this.time = parts.time
    this.broken = parts.broken
  }

  /** Opens a controller on a catalog, and starts it by default. */
  static async open(
    catalog: MemoryCatalog,
    options: {
      hosts?: number
      owners?: number
      start?: boolean
      fakeHosts?: FakeHosts
      time?: FakeTime
      smallRows?: MemorySmallRows
      log?: Logger
      groupGraceMs?: number
    } = {},
  ): Promise<TestController> {
    const hosts = options.fakeHosts ?? new FakeHosts()
    const time = options.time ?? new FakeTime()
    const smallRows = options.smallRows ?? new MemorySmallRows()
    const broken: Error[] = []
    const config = resolveConfig({
      settings: { dataDir: '.', hosts: options.hosts ?? 1, owners: options.owners ?? options.hosts ?? 1 },
    }).values
    const controllerOptions: ControllerOptions = {
      config,
      openStore: () => Promise.resolve(catalog.open()),
      openSmallRows: () => Promise.resolve(smallRows.open()),
      clockNote: catalog.clockNote,
      accessKeyFile: memoryFile('access.key'),
      launcher: hosts,
      listenOf: () => null,
      addressOf: (hostId, port) => (port === undefined ? undefined : { hostId, host: 'test', port }),
      software: 'test',
      telemetry: createTelemetry('controller', { withProcess: false }),
      log: options.log ?? silentLog(),
      time,
      random: () => 1,
      newBrokerId: () => 'broker-1',
      onBroken: (error) => broken.push(error),
      groupGraceMs: options.groupGraceMs ?? 0,
    }
    const test = new TestController(await createController(controllerOptions), { hosts, time, broken })
    if (options.start !== false) {
      test.controller.start()
      await settled()
    }
    return test
  }

  /** Sends a request as a client does. */
  async ask<N extends Control>(
    operation: N,
    request: Asked<N>,
    session = Asker.session(),
  ): Promise<ResponseOf<N>> {
    const { signal } = new AbortController()
    const context = { fail, signal, session } as Partial<Context<N>> as Context<N>
    return await askOf(this.controller, operation, request, context)
  }

  /** Returns the answer or the error's code, without letting time pass. */
  async outcome<N extends Control>(operation: N, request: Asked<N>): Promise<string> {
    let outcome = 'open'
    this.ask(operation, request).then(
      () => (outcome = 'done'),
      (error: unknown) => (outcome = MillraceError.is(error) ? error.code : String(error)),
    )
    await settled()
    return outcome
  }
}
