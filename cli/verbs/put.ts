// `millrace put`: appends one record and prints its shard and sequence number.
import { Command } from 'commander'
import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { Client } from '../../client/index.ts'
import { withClient } from '../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../connecting/options.ts'
import { Failure } from '../failure.ts'
import { jsonOption, withExamples } from '../help.ts'
import { encryptionOption, type EncryptionFlags } from '../keys/option.ts'
import { print, printJson, tell, type Terminal } from '../terminal.ts'

interface PutOptions extends ConnectionFlags, EncryptionFlags {
  readonly key?: string
  readonly hashKey?: string
  readonly header: Readonly<Record<string, string>>
  readonly json?: true
}

export function putVerb(terminal: Terminal): Command {
  const command = new Command('put')
    .description('Append one record. Done when it is flushed to disk; prints its shard and sequence number.')
    .argument('<stream>')
    .argument('[data]', 'the data as text; standard input, to its end, without it or with -')
    .option('--key <text>', 'partition key; a random one without it')
    .option('--hash-key <number>', 'explicit hash key, instead of the hash of the partition key')
    .option('--header <name=value>', 'a header beside the data; may be repeated', addHeader, {})
    .addOption(encryptionOption('encrypt it before it leaves'))
    .addOption(jsonOption())
    .action(async (stream: string, text: string | undefined, options: PutOptions) => {
      const isTyped = text === undefined || text === '-'
      if (isTyped && terminal.stdin.isTTY === true) {
        tell(terminal, 'Reading the data from the terminal. Ctrl-D on an empty line ends it.')
      }
      const data = isTyped ? await buffer(terminal.stdin) : text
      const use = (client: Client) =>
        client.put(stream, {
          partitionKey: options.key ?? randomUUID(),
          data,
          headers: options.header,
          ...(options.hashKey === undefined ? {} : { explicitHashKey: options.hashKey }),
        })
      const acknowledgement = await withClient(terminal, options, use, { tellsTroubles: true })
      const { shardId, sequenceNumber } = acknowledgement
      if (options.json === true) printJson(terminal, acknowledgement)
      else print(terminal, `${shardId} ${sequenceNumber}`)
    })
  return withExamples(withConnection(command), [
    { line: 'millrace put clicks \'{"page":"/"}\' --key ada', says: 'prints: shardId-000000000002 0' },
    { line: 'millrace put pictures --key cat --header type=image/png < cat.png', says: 'bytes from a file' },
  ])
}

function addHeader(
  text: string,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const split = text.indexOf('=')
  if (split < 1) throw new Failure(`--header ${text} is not name=value.`, 'usage')
  return { ...headers, [text.slice(0, split)]: text.slice(split + 1) }
}
