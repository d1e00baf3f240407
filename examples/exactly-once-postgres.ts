// Copies clicks into PostgreSQL, each of them exactly once and those of one user in order, through crashes of this program, of
// the broker, of the database, and of other members. It connects where PGHOST, PGUSER and PGDATABASE say.
import { connect, json } from 'millrace'
import pg from 'pg'

// A member that hangs within a transaction holds its shard's row: the server then ends its session, and another one goes on.
const pool = new pg.Pool({ idle_in_transaction_session_timeout: 10_000 })
// A session that ends fails the call that uses it, which is tried again; nothing else is to be done about it.
pool.on('error', () => {}).on('connect', (session) => session.on('error', () => {}))
await pool.query(`
  SELECT pg_advisory_xact_lock(7400);
  CREATE TABLE IF NOT EXISTS visits (id BIGSERIAL PRIMARY KEY, visitor TEXT, page TEXT);
  CREATE TABLE IF NOT EXISTS progress (shard TEXT PRIMARY KEY, epoch BIGINT NOT NULL, position BIGINT)`)

// This makes the shard the member's in the database, too: whatever one of an earlier epoch does finds no row from then on.
const claim = `
  INSERT INTO progress (shard, epoch) VALUES ($1, $2)
  ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch WHERE progress.epoch <= excluded.epoch
  RETURNING position`
const advance = `
  UPDATE progress SET position = $1 WHERE shard = $2 AND epoch = $3 AND coalesce(position, 0) <= $4`
const insert = 'INSERT INTO visits (visitor, page) SELECT * FROM unnest($1::text[], $2::text[])'
const isStored = 'SELECT FROM progress WHERE shard = $1 AND epoch = $2 AND position >= $3'

/** What `work` does is stored as a whole, or not at all. */
async function transaction(work: (session: pg.PoolClient) => Promise<void>): Promise<void> {
  const session = await pool.connect()
  try {
    await session.query('BEGIN')
    await work(session)
    await session.query('COMMIT')
    session.release()
  } catch (error) {
    session.release(true) // The end of the session takes back what it has begun.
    throw error
  }
}

await using client = await connect()
const group = client.group({
  stream: 'clicks',
  name: 'postgres',
  codec: json<{ user: string; page: string }>(),
  leaseMs: 3_000, // So soon after a crash other members go on.
  retry: { attempts: 1_000_000 }, // A database that is down for long is waited for.
  checkpoint: 'external',
  loadCheckpoint: async ({ streamId, shardId, epoch }) => {
    const { rows } = await pool.query<{ position: string | null }>(claim, [`${streamId}/${shardId}`, epoch])
    if (rows[0] === undefined) throw new Error(`${shardId} has gone to another member.`)
    return rows[0].position === null ? undefined : BigInt(rows[0].position)
  },
})
process.once('SIGINT', () => void group.stop())
await group.run((records, { streamId, shardId, epoch, position }) =>
  transaction(async (session) => {
    const shard = `${streamId}/${shardId}`
    const { rowCount } = await session.query(advance, [position, shard, epoch, records[0]!.sequenceNumber])
    if (rowCount === 0) {
      // The session may have ended after a COMMIT and before its answer.
      if ((await session.query(isStored, [shard, epoch, position])).rowCount === 1) return
      throw new Error(`${shardId} has gone to another member.`)
    }
    await session.query(insert, [records.map(({ data }) => data.user), records.map(({ data }) => data.page)])
  }),
)
await pool.end()
