// The stream by way of which records come to the parts of a query. Runs in the app.
import { MillraceError, type Client } from 'millrace'
import type { QuerySharing } from 'millrace/protocol'

/** Deletes the stream, if it is still the one that was made for the query. */
export async function deletePartsStream(
  client: Pick<Client, 'deleteStream'>,
  sharing: QuerySharing | undefined,
): Promise<void> {
  if (sharing?.spread === undefined) return
  const { stream, streamId } = sharing.spread
  try {
    await client.deleteStream(stream, { expectedId: streamId })
  } catch (error) {
    if (!MillraceError.is(error, 'streamNotFound')) throw error
  }
}
