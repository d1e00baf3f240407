// The SQL that a verb is given: on the command line, in a file, or by standard input.
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { Failure } from '../../../failure.ts'
import type { Terminal } from '../../../terminal.ts'

export interface SqlFlags {
  readonly sql?: string
  readonly file?: string
}

/** Adds the options. */
export function withSql(command: Command): Command {
  return command
    .option('--sql <text>', 'one or more statements INSERT INTO target SELECT …')
    .option('--file <file>', 'reads them from this file; - is standard input')
}

/** Returns the SQL; undefined where none is given. Throws Failure (usage) where it is given twice. */
export async function sqlOf({ sql, file }: SqlFlags, { stdin }: Terminal): Promise<string | undefined> {
  if (file === undefined) return sql
  if (sql !== undefined) throw new Failure('--sql and --file both give the SQL: give one of them.', 'usage')
  return file === '-' ? text(stdin) : readFile(file, 'utf8')
}
