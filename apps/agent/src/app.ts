// The app as the daemon and the command line run it. Composition root.
import type { ServeApp } from 'millrace/app'
import { loadAgentConfig } from './config/index.ts'
import type { AgentLog } from './flows/flow-runner.ts'
import { agentOptionsIn } from './options.ts'
import { worldRim } from './rim.ts'
import { Agent } from './run/agent.ts'
import { openLink } from './run/open-client.ts'
import { METRICS_TYPE, metricsText } from './status/metrics-text.ts'
import { statusPage } from './status/page.ts'
import { StatusServer } from './wire/status-server.ts'

/** Serves until `close`. Rejects with a sentence for the operator where it cannot. */
export const serveApp: ServeApp = async ({ broker, tls, options }, tell) => {
  const { config: file, stateDir, host, port } = agentOptionsIn(options)
  const log: AgentLog = (level, message) => tell({ type: 'log', level, message })
  const config = await loadAgentConfig(file, { stateDir })
  const { link, troubles } = await openLink(broker, config, { log, rim: worldRim })
  try {
    const agent = await Agent.start({
      config,
      client: link?.client,
      absenceOfBroker: () => link?.absence,
      troubles,
      rim: worldRim,
      log,
      isOnce: false,
    })
    const close = async (): Promise<void> => {
      await agent.close()
      await link?.close()
    }
    const snapshot = () => {
      agent.refresh()
      return agent.snapshot()
    }
    try {
      const server = await StatusServer.open({
        host,
        port,
        tls,
        views: {
          '/': { type: 'text/html; charset=utf-8', body: () => statusPage(snapshot()) },
          '/status.json': { type: 'application/json', body: () => JSON.stringify(snapshot()) },
          '/metrics': { type: METRICS_TYPE, body: () => metricsText(snapshot()) },
        },
      })
      return {
        url: server.url,
        close: async () => {
          await server.close()
          await close()
        },
      }
    } catch (error) {
      await close()
      throw error
    }
  } catch (error) {
    await link?.close()
    throw error
  }
}
