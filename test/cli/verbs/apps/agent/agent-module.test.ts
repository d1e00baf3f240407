// The app agent as the verb `agent` uses it: it keeps the promise of its modules.
import { expectTypeOf, it } from 'vitest'
import type * as app from '../../../../../apps/agent/src/app.ts'
import type * as config from '../../../../../apps/agent/src/config/index.ts'
import type * as run from '../../../../../apps/agent/src/run/index.ts'
import type { AppModule } from '../../../../../cli/apps/app-module.ts'
import type { AgentConfigModule, AgentRunModule } from '../../../../../cli/verbs/apps/agent/agent-module.ts'

it('the app agent has what its verb calls', () => {
  expectTypeOf<typeof app>().toExtend<AppModule>()
  expectTypeOf<typeof config>().toExtend<AgentConfigModule>()
  expectTypeOf<typeof run>().toExtend<AgentRunModule<config.AgentConfig>>()
})
