// Pictures of a data directory at the steps of a change that the catalog keeps a journal of: before and after every commit
// of the catalog, and at the first commits of owners in between, which is where shards are sealed, opened and forgotten.
// Runs in the process of the test, with the broker in it.
import type { BrokerOptions } from '../../broker/broker.ts'
import type { CatalogChange, CatalogStore } from '../../broker/catalog-contract.ts'
import { openCatalogStore } from '../../broker/storage/catalog-store.ts'
import type { CrashImage, CrashImages } from './crash-images.ts'

/** Pictures of the owners' commits between two of the catalog's: the first ones are those that matter. */
const OWNER_IMAGES_MAX = 2

export class StepImages {
  /** Commits are noted only while this is set: what came before is no part of the change. */
  isArmed = false
  /** Pictures are taken as well. */
  isTaking = true
  /** What the catalog was asked to commit while armed, whether it is durable or not. */
  readonly commits: (readonly CatalogChange[])[] = []
  /** Asked before each commit, with its number from 1 on; the commit waits for it. */
  beforeCommit: (number: number) => Promise<void> | void = () => undefined
  readonly #images: CrashImages
  readonly #durable = new Map<CrashImage, number>()
  #durableNow = 0
  #ownerImages = 0

  constructor(images: CrashImages) {
    this.#images = images
  }

  /** For the broker of which pictures are to be taken. */
  get options(): Pick<BrokerOptions, 'openCatalog' | 'storage'> {
    return {
      openCatalog: async (directory) => this.#watched(await openCatalogStore(directory)),
      storage: { faults: { at: (step) => this.#atOwnerStep(step) } },
    }
  }

  /** The commits of the change that are durable in a picture. */
  durableIn(image: CrashImage): readonly (readonly CatalogChange[])[] {
    return this.commits.slice(0, this.#durable.get(image) ?? 0)
  }

  #watched(store: CatalogStore): CatalogStore {
    return {
      ...store,
      commit: async (changes) => {
        if (!this.isArmed) return store.commit(changes)
        const number = this.commits.push(changes)
        await this.beforeCommit(number)
        this.#take(`before catalog commit ${number}`)
        await store.commit(changes)
        this.#durableNow = number
        this.#ownerImages = 0
        this.#take(`after catalog commit ${number}`)
      },
    }
  }

  #atOwnerStep(step: string): void {
    if (!this.isArmed || !this.isTaking || this.#ownerImages++ >= OWNER_IMAGES_MAX) return
    this.#take(`${step}, ${this.#ownerImages}. of the owners after catalog commit ${this.#durableNow}`)
  }

  #take(step: string): void {
    if (!this.isTaking) return
    this.#images.take(step)
    this.#durable.set(this.#images.images.at(-1)!, this.#durableNow)
  }
}
