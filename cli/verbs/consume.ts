// `millrace consume`: under construction.
import { Command } from 'commander'
import type { Terminal } from '../terminal.ts'

export function consumeVerb(_terminal: Terminal): Command {
  return new Command('consume')
}
