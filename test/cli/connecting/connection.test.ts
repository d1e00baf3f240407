// What the command line says while its client waits.
import { expect, it } from 'vitest'
import { troubleLine } from '../../../cli/connecting/connection.ts'

it.each([
  [
    { message: 'the connection was lost', error: new Error('The connection to a:1 was lost: reset.') },
    'millrace: The connection to a:1 was lost: reset. Trying again.',
  ],
  [
    { message: 'records for s have waited 5 s for an answer of its host', shardId: 's' },
    'millrace: Records for s have waited 5 s for an answer of its host.',
  ],
  [
    {
      message: 'records for s have waited 5 s for a connection to its host',
      shardId: 's',
      error: new Error('Nobody\u001b'),
    },
    'millrace: Records for s have waited 5 s for a connection to its host: Nobody\\u001b.',
  ],
  [
    { message: 'records have waited 5 s for the broker', stream: 'clicks' },
    'millrace: Records have waited 5 s for the broker.',
  ],
])('troubleLine: %o', (entry, line) => {
  expect(troubleLine({ level: 'warn', ...entry })).toBe(line)
})
