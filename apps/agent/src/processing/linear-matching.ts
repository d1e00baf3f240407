// Keeps regular expressions of the configuration from taking for ever on a hostile line. Runs in the process of the agent.
import { setFlagsFromString } from 'node:v8'

/**
 * From now on a regular expression that goes back too often is finished by V8's engine that never goes back. It has no references and no
 * lookaround: expressions with them are warned of when the configuration is read. For this process; called before patterns are made.
 */
export function matchInLinearTime(): void {
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
}
