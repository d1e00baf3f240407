// Composes what a daemon runs beside its broker: the apps that its configuration names. Runs in the controller process.
import { join } from 'node:path'
import type { AppStart } from '../protocol/apps/app-channel.ts'
import type { Beside, ComposedController } from './compose-controller.ts'
import { appOptions } from './config/apps/app-options.ts'
import type { AppName } from './config/apps/app-table.ts'
import type { Config } from './config/derive.ts'
import { AppSupervision } from './control/apps/app-supervision.ts'
import { programOfApp, type FindApp } from './control/apps/app-program.ts'
import { serverNameOf } from './control/apps/server-name.ts'
import type { CertificateWatch } from './control/certificates/certificate-watch.ts'
import type { Logger } from './telemetry/log.ts'
import type { Time } from './time.ts'

export interface AppsOptions {
  readonly config: Config
  readonly composed: Pick<ComposedController, 'controller' | 'certificates' | 'instruments'>
  /** Url of the broker, for its apps as for all clients. */
  readonly url: string
  readonly find: FindApp
  readonly time: Time
  readonly log: Logger
}

/** Makes the apps, and starts them. Throws `unavailable` where one is not installed. */
export function startApps({ config, composed, url, find, time, log }: AppsOptions): AppSupervision {
  const { controller, certificates, instruments } = composed
  const apps = new AppSupervision({
    apps: config.apps,
    programOf: (app) => programOfApp(app, find),
    startOf: (app, token) => appStart(app, { config, url, certificates, token }),
    tokens: controller.appTokens,
    // Who acts in the name of others is somebody himself, also where the broker is open.
    needsToken: () => config.access === 'required' || config.kinesisAuth === 'sigv4',
    time,
    random: Math.random,
    log,
    onRestart: (app) => instruments.millrace_app_restarts_total.add(1, app),
  })
  apps.start()
  return apps
}

/** How the apps count for the broker as a whole; `apps` says which there are by now. */
export function besides(apps: () => AppSupervision | undefined): Beside {
  return {
    reasons: () => apps()?.reasons ?? [],
    measure: (instruments) => {
      for (const { app, state } of apps()?.apps ?? []) {
        instruments.millrace_app_ready.set(state === 'ready' ? 1 : 0, app)
      }
    },
  }
}

interface Surroundings {
  readonly config: Config
  readonly url: string
  readonly certificates: CertificateWatch | undefined
  readonly token: string | undefined
}

function appStart(app: AppName, { config, url, certificates, token }: Surroundings): AppStart {
  const { tlsDir } = config
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
  const serverName = certificates && serverNameOf(certificates.current.cert, host)
  const ca = certificates?.authority
  return {
    type: 'start',
    broker: {
      url,
      ...(ca !== undefined && { ca }),
      ...(serverName !== undefined && { serverName }),
      ...(token !== undefined && { token }),
    },
    ...(tlsDir !== undefined && {
      tls: { certFile: join(tlsDir, 'cert.pem'), keyFile: join(tlsDir, 'key.pem') },
    }),
    options: appOptions(config, app),
  }
}
