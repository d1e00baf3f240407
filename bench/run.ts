// One run of the bench: its directory on the disk under test, and everything that it started. Runs in the bench's main
// process. At the end of the run, also after a failure, its brokers and loads are stopped and its directory is removed.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { reachBy } from './harness/connect.ts'
import { type RunningDaemon, startDaemon } from './harness/daemon.ts'
import { type RunningLoad, startLoad } from './harness/load-process.ts'
import type { Bench } from './scenario.ts'

export interface RunOptions {
  readonly seconds: number
  readonly dataDir: string
  /** Brokers speak TLS, unless a scenario says otherwise. */
  readonly tls: boolean
}

export interface Run {
  readonly bench: Bench
  close(): Promise<void>
}

const WARM_UP_SECONDS_MAX = 1

export async function openRun(options: RunOptions): Promise<Run> {
  const parent = resolve(options.dataDir)
  await mkdir(parent, { recursive: true })
  const directory = await mkdtemp(join(parent, 'bench-'))
  const daemons: RunningDaemon[] = []
  const loads = new Set<RunningLoad<unknown>>()
  let certificates: Promise<string> | undefined
  const startedAt = performance.now()
  const say = (text: string) => {
    console.error(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  }
  const bench: Bench = {
    seconds: options.seconds,
    warmUpSeconds: Math.min(WARM_UP_SECONDS_MAX, options.seconds / 2),
    directory,
    say,
    startDaemon: async ({ isSecure = options.tls, ...daemonOptions } = {}) => {
      const dataDir = await mkdtemp(join(directory, 'broker-'))
      if (!isSecure) return followed(await startDaemon(dataDir, daemonOptions), daemons)
      certificates ??= makeCertificates(join(directory, 'tls'))
      const tlsDir = await certificates
      const config = { ...daemonOptions.config, tlsDir }
      const daemon = followed(await startDaemon(dataDir, { ...daemonOptions, config }), daemons)
      reachBy({ ca: join(tlsDir, 'ca.pem'), tokenFile: join(dataDir, 'root.token') })
      return daemon
    },
    load: (job, settings) => {
      const load = startLoad(job, settings, say)
      loads.add(load)
      return load
    },
  }
  return {
    bench,
    close: async () => {
      for (const load of loads) load.kill()
      await Promise.all(daemons.map((daemon) => daemon.stop()))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Makes certificates as a user does; returns their directory. */
async function makeCertificates(tlsDir: string): Promise<string> {
  // This file runs as dist/bench/run.js.
  const command = fileURLToPath(new URL('../../cli/millrace.js', import.meta.url))
  await promisify(execFile)(process.execPath, [command, 'tls', 'init', '--dir', tlsDir])
  return tlsDir
}

/** Keeps a broker, and each one started again on its directory, in `daemons`, so that the end of the run stops them all. */
function followed(daemon: RunningDaemon, daemons: RunningDaemon[]): RunningDaemon {
  daemons.push(daemon)
  return { ...daemon, startAgain: async () => followed(await daemon.startAgain(), daemons) }
}
