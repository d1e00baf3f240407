// A map that is never changed in place: a change returns a new map, which shares with the old one every node that is not
// on the path to the change. Runs in the controller and in the check; pure. A weight-balanced tree (Adams 1993, with the
// weights of Hirai and Yamamoto 2011): a change copies about 2·log₂(size) nodes, and a walk costs what it yields.

/** Keys are compared by `<`: numbers by value, text by its UTF-16 units. */
export type OrderedKey = number | string

interface Node<K, V> {
  readonly key: K
  readonly value: V
  readonly left: Tree<K, V>
  readonly right: Tree<K, V>
  readonly size: number
}
type Tree<K, V> = Node<K, V> | undefined

/** A subtree may weigh three times its sibling. A single rotation is enough where inner weighs less than twice outer. */
const WEIGHT_RATIO = 3
const SINGLE_ROTATION_RATIO = 2

export class OrderedMap<K extends OrderedKey, V> {
  readonly #root: Tree<K, V>

  private constructor(root: Tree<K, V>) {
    this.#root = root
  }

  static empty<K extends OrderedKey, V>(): OrderedMap<K, V> {
    return new OrderedMap<K, V>(undefined)
  }

  get size(): number {
    return sizeOf(this.#root)
  }

  get(key: K): V | undefined {
    let node = this.#root
    while (node !== undefined) {
      if (key === node.key) return node.value
      node = key < node.key ? node.left : node.right
    }
    return undefined
  }

  has(key: K): boolean {
    let node = this.#root
    while (node !== undefined && node.key !== key) node = key < node.key ? node.left : node.right
    return node !== undefined
  }

  /** Returns a map with the value under the key; this same map where nothing changes. */
  set(key: K, value: V): OrderedMap<K, V> {
    const root = inserted(this.#root, key, value)
    return root === this.#root ? this : new OrderedMap(root)
  }

  /** Returns a map without the key; this same map where the key is absent. */
  delete(key: K): OrderedMap<K, V> {
    if (!this.has(key)) return this
    return new OrderedMap(removed(this.#root, key))
  }

  /** Entries in the order of their keys; only those with keys above `after`, where `after` is given. */
  *entries(after?: K): Generator<readonly [K, V]> {
    for (const { key, value } of walk(this.#root, after)) yield [key, value]
  }

  *keys(after?: K): Generator<K> {
    for (const { key } of walk(this.#root, after)) yield key
  }

  *values(after?: K): Generator<V> {
    for (const { value } of walk(this.#root, after)) yield value
  }

  [Symbol.iterator](): Generator<readonly [K, V]> {
    return this.entries()
  }

  /** The greatest key; undefined in an empty map. */
  lastKey(): K | undefined {
    let node = this.#root
    while (node?.right !== undefined) node = node.right
    return node?.key
  }

  /** The nodes of the tree. For tests of what a change costs: a node that two maps share was not copied. */
  *nodes(): Generator<object> {
    yield* walk(this.#root, undefined)
  }
}

/** Nodes in order of their keys. It descends to the first node above `after` and visits no earlier node on the way out. */
function* walk<K extends OrderedKey, V>(root: Tree<K, V>, after: K | undefined): Generator<Node<K, V>> {
  const path: Node<K, V>[] = []
  let node = root
  for (;;) {
    while (node !== undefined) {
      const isWanted = after === undefined || node.key > after
      if (isWanted) path.push(node)
      node = isWanted ? node.left : node.right
    }
    const next = path.pop()
    if (next === undefined) return
    yield next
    node = next.right
  }
}

function sizeOf(tree: Tree<unknown, unknown>): number {
  return tree === undefined ? 0 : tree.size
}

function nodeOf<K, V>(key: K, value: V, left: Tree<K, V>, right: Tree<K, V>): Node<K, V> {
  return { key, value, left, right, size: 1 + sizeOf(left) + sizeOf(right) }
}

function inserted<K extends OrderedKey, V>(tree: Tree<K, V>, key: K, value: V): Node<K, V> {
  if (tree === undefined) return nodeOf(key, value, undefined, undefined)
  if (key === tree.key) {
    return Object.is(value, tree.value) ? tree : nodeOf(key, value, tree.left, tree.right)
  }
  if (key < tree.key) {
    const left = inserted(tree.left, key, value)
    return left === tree.left ? tree : balanced(tree.key, tree.value, left, tree.right)
  }
  const right = inserted(tree.right, key, value)
  return right === tree.right ? tree : balanced(tree.key, tree.value, tree.left, right)
}

/** Returns `tree` without `key`, which must be in it. */
function removed<K extends OrderedKey, V>(tree: Tree<K, V>, key: K): Tree<K, V> {
  if (tree === undefined) return undefined
  const { left, right } = tree
  if (key < tree.key) return balanced(tree.key, tree.value, removed(left, key), right)
  if (key > tree.key) return balanced(tree.key, tree.value, left, removed(right, key))
  if (left === undefined) return right
  if (right === undefined) return left
  const next = first(right)
  return balanced(next.key, next.value, left, removed(right, next.key))
}

function first<K, V>(tree: Node<K, V>): Node<K, V> {
  let node = tree
  while (node.left !== undefined) node = node.left
  return node
}

/** Builds a node over two balanced trees of which one has gained or lost one node, and rotates where that is needed. */
function balanced<K, V>(key: K, value: V, left: Tree<K, V>, right: Tree<K, V>): Node<K, V> {
  if (isTooHeavy(right, left)) {
    const { left: inner, right: outer } = right!
    if (weightOf(inner) < SINGLE_ROTATION_RATIO * weightOf(outer)) {
      return nodeOf(right!.key, right!.value, nodeOf(key, value, left, inner), outer)
    }
    const lower = nodeOf(key, value, left, inner!.left)
    return nodeOf(inner!.key, inner!.value, lower, nodeOf(right!.key, right!.value, inner!.right, outer))
  }
  if (isTooHeavy(left, right)) {
    const { left: outer, right: inner } = left!
    if (weightOf(inner) < SINGLE_ROTATION_RATIO * weightOf(outer)) {
      return nodeOf(left!.key, left!.value, outer, nodeOf(key, value, inner, right))
    }
    const upper = nodeOf(key, value, inner!.right, right)
    return nodeOf(inner!.key, inner!.value, nodeOf(left!.key, left!.value, outer, inner!.left), upper)
  }
  return nodeOf(key, value, left, right)
}

function weightOf(tree: Tree<unknown, unknown>): number {
  return sizeOf(tree) + 1
}

function isTooHeavy(tree: Tree<unknown, unknown>, sibling: Tree<unknown, unknown>): boolean {
  return weightOf(tree) > WEIGHT_RATIO * weightOf(sibling)
}
