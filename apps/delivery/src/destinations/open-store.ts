// Opens the place that a destination of objects names. Runs in the app. What needs much to be loaded is loaded when it is named.
import type { ObjectDestination } from 'millrace/protocol'
import { DirectoryStore, type StoreRim } from './directory/directory-store.ts'
import type { ObjectStore } from './object-store.ts'

export async function openStore(destination: ObjectDestination, rim: StoreRim): Promise<ObjectStore> {
  switch (destination.type) {
    case 'directory':
      return Promise.resolve(new DirectoryStore(destination.path, rim))
    case 's3':
      return (await import('./s3/s3-store.ts')).S3Store.open(destination)
  }
}
