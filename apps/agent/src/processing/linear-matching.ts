// Keeps regular expressions of the configuration from taking for ever on a hostile line. Runs in the process of the agent.
import { setFlagsFromString } from 'node:v8'

/**
 * From now on a regular expression that goes back too often is finished by V8's engine that never goes back, where that engine can run it:
 * `canMatchInLinearTime` tells. For this process; called before patterns are made.
 */
export function matchInLinearTime(): void {
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
}

/** True where V8's engine that never goes back can run the expression. */
export function canMatchInLinearTime(source: string, flags: string): boolean {
  setFlagsFromString('--enable-experimental-regexp-engine')
  try {
    return new RegExp(source, `${flags}l`).flags.includes('l')
  } catch {
    return false
  }
}
