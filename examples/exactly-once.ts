// Copies clicks into SQLite, each of them exactly once and those of one user in order, through crashes of this program, of the
// broker, and of other members. `node dist/examples/exactly-once.js clicks.db` runs it; start as many as you like on one file.
import { connect, json } from 'millrace'
import Database from 'libsql' // The interface is that of better-sqlite3.

const database = new Database(process.argv[2] ?? 'clicks.db')
database.exec(`
  PRAGMA busy_timeout = 10000;
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS visits (id INTEGER PRIMARY KEY, visitor TEXT, page TEXT);
  CREATE TABLE IF NOT EXISTS progress (shard TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER);
  COMMIT`)

// This makes the shard the member's in the database, too: whatever one of an earlier epoch does finds no row from then on.
const claim = database.prepare(`
  INSERT INTO progress (shard, epoch) VALUES (?, ?)
  ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch WHERE epoch <= excluded.epoch
  RETURNING position`)
const advance = database.prepare(`
  UPDATE progress SET position = ? WHERE shard = ? AND epoch = ? AND coalesce(position, 0) <= ?`)
const insert = database.prepare('INSERT INTO visits (visitor, page) VALUES (?, ?)')

await using client = await connect()
const group = client.group({
  stream: 'clicks',
  name: 'sqlite',
  codec: json<{ user: string; page: string }>(),
  leaseMs: 3_000, // So soon after a crash other members go on.
  retry: { attempts: 1_000_000 }, // A database that is down for long is waited for.
  checkpoint: 'external',
  loadCheckpoint: ({ streamId, shardId, epoch }) => {
    const row = claim.get(`${streamId}/${shardId}`, epoch) as { position: number | null } | undefined
    if (row === undefined) throw new Error(`${shardId} has gone to another member.`)
    return row.position ?? undefined
  },
})
process.once('SIGINT', () => void group.stop())
await group.run((records, { streamId, shardId, epoch, position }) => {
  // Rows and position are stored together, or neither.
  const store = database.transaction(() => {
    const { changes } = advance.run(position, `${streamId}/${shardId}`, epoch, records[0]!.sequenceNumber)
    if (changes === 0) throw new Error(`${shardId} has gone to another member.`)
    for (const { data } of records) insert.run(data.user, data.page)
  })
  store.immediate()
})
