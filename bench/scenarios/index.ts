// Every scenario, in the order in which `all` runs them.
import type { Scenario } from '../scenario.ts'
import { limitsScenario } from './limits.ts'

export const scenarios: readonly Scenario[] = [limitsScenario]
