// An app for tests of its supervision: it says what it was told and who it is, and nothing else. Where its region is `broken` it
// cannot serve, and says so.
import { connect, tlsFiles } from 'millrace'

const say = (message) => process.send(message)

process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
process.on('SIGTERM', () => {
  say({ type: 'log', level: 'info', message: 'the app was told to end' })
  process.disconnect()
})
process.once('message', (start) => void serve(start))

async function serve({ broker, options, tls }) {
  const { url, token, ca, serverName } = broker
  if (options.region === 'broken') {
    say({ type: 'failed', message: 'It is broken.' })
    return
  }
  const trust = ca === undefined ? {} : { tls: tlsFiles({ ca, serverName }) }
  const client = await connect(url, { ...trust, ...(token !== undefined && { token }) })
  const principal = token === undefined ? undefined : (await client.access.describePrincipal()).name
  await client.describeBroker()
  await client.close()
  const variables = Object.keys(process.env).filter((name) => name.startsWith('MILLRACE_'))
  const fields = { principal, options, tls, serverName, variables }
  say({ type: 'log', level: 'warn', message: 'the app was told', fields })
  console.log('a line of the app')
  say({ type: 'ready', url: `http://app.test:${options.port}` })
}
