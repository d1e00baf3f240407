// Pictures of a data directory at the steps of a change that has a journal: before and after every commit of the
// catalog, and at the first commits of owners in between, where shards are sealed, opened and forgotten. Runs in the
// process of the test and of its broker.
import type { BrokerOptions } from '../../../broker/broker.ts'
import type { CatalogChange, CatalogStore } from '../../../broker/catalog-contract.ts'
import { openCatalogStore } from '../../../broker/storage/catalog-store.ts'
import type { CrashImage, CrashImages } from './crash-images.ts'

/** Pictures of owners' commits between two commits of the catalog: the first ones matter. */
const OWNER_IMAGES_MAX = 2

export class StepImages {
  /** Commits are noted only while this is set: earlier ones are not part of the change. */
  isArmed = false
  /** True if pictures are taken as well. */
  isTaking = true
  /** Commits of the catalog since arming, durable or not. */
  readonly commits: (readonly CatalogChange[])[] = []
  /** Called before each commit with its number, from 1; the commit waits for it. */
  beforeCommit: (number: number) => Promise<void> | void = () => undefined
  readonly #images: CrashImages
  readonly #durable = new Map<CrashImage, number>()
  #durableNow = 0
  #ownerImages = 0

  constructor(images: CrashImages) {
    this.#images = images
  }

  /** Options for the broker of which pictures are taken. */
  get options(): Pick<BrokerOptions, 'openCatalog' | 'storage'> {
    return {
      openCatalog: async (directory) => this.#watched(await openCatalogStore(directory)),
      storage: { faults: { at: (step) => this.#atOwnerStep(step) } },
    }
  }

  /** The change's commits that are durable in a picture. */
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
