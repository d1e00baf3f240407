// Each kind of process is composed in one place, so that what every process needs is wired once.
import { describe, expect, it } from 'vitest'
import { linesMatching, sources } from './tree.ts'

// Within `broker/server/` the names are those of Node's own servers.
const shipped = sources.filter(
  ({ path }) => /^(broker|cli)\//.test(path) && !path.startsWith('broker/server/'),
)

/** Files that call a function, its declaration aside. */
function callers(name: string): string[] {
  const call = new RegExp(`(?<!function )\\b${name}(<[^>]*>)?\\(`)
  return shipped.filter((file) => linesMatching(file, call).length > 0).map(({ path }) => path)
}

describe('composition', () => {
  it.each([
    ['a controller', 'createController', ['broker/compose-controller.ts']],
    ['a host', 'createHost', ['broker/host/compose-host.ts']],
    ['the page for probes', 'createAdminServer', ['broker/compose-controller.ts']],
    ['a server', 'createServer', ['broker/compose-controller.ts', 'broker/host/host.ts']],
    ['a port for clients', 'server.listen', ['broker/compose-controller.ts', 'broker/host/host.ts']],
  ])('%s is made by %s in one place of each kind of process', (_, name, places) => {
    expect(callers(name.replace('.', '\\.'))).toEqual(places)
  })

  it.each([
    ['composeController', ['broker/broker.ts', 'broker/main.ts']],
    ['composeHost', ['broker/embedded-host.ts', 'broker/host/main.ts']],
  ])('%s is used by the daemon and by a broker inside a program', (name, users) => {
    expect(callers(name)).toEqual(users)
  })
})
