// Regular expressions as AWS' agent takes them, in Java's syntax, made into those of JavaScript. Pure. What differs in meaning is
// rewritten; what JavaScript does not have is refused by name, so that no pattern silently matches something else.

import { canMatchInLinearTime } from '../processing/linear-matching.ts'

/** A pattern that cannot be had: a clause that says why. */
export class PatternFault extends Error {
  override readonly name = 'PatternFault'
}

export interface JavaPattern {
  /** For the whole text, as Java's `matches`. */
  readonly whole: RegExp
  /** For a part of the text, as Java's `find`. */
  readonly part: RegExp
  readonly groups: number
  /** Matching may take exponential time on hostile text: there are references, lookaround, `(?i)`, or many repetitions that are counted. */
  readonly isRisky: boolean
}

const SPACE = ' \\t\\n\\x0B\\f\\r'
const NOT_LINE_END = '[^\\n\\r\\u0085\\u2028\\u2029]'

/** Escapes that mean something else in JavaScript, or nothing: outside of a class, and inside of one where that can be said. */
const escapes: Readonly<Record<string, { readonly outside: string; readonly inside?: string }>> = {
  s: { outside: `[${SPACE}]`, inside: SPACE },
  S: { outside: `[^${SPACE}]`, inside: '\\S' },
  h: {
    outside: '[ \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000]',
    inside: ' \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000',
  },
  v: { outside: '[\\n\\x0B\\f\\r\\x85\\u2028\\u2029]', inside: '\\n\\x0B\\f\\r\\x85\\u2028\\u2029' },
  R: { outside: '(?:\\r\\n|[\\n\\x0B\\f\\r\\x85\\u2028\\u2029])' },
  A: { outside: '(?<![^])' },
  z: { outside: '(?![^])' },
  Z: { outside: '(?=\\n?(?![^]))' },
  a: { outside: '\\x07', inside: '\\x07' },
  e: { outside: '\\x1B', inside: '\\x1B' },
}

/** What the ends of the text are where `^` and `$` are not those of lines: without lookaround. */
const ofWholeText: Readonly<Record<string, string>> = { A: '^', z: '$' }

const posixClasses: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\x00-\\x7F',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: 'a-zA-Z0-9',
  Punct: '!-\\/:-@\\[-`{-~',
  Graph: '!-~',
  Print: ' -~',
  Blank: ' \\t',
  Cntrl: '\\x00-\\x1F\\x7F',
  XDigit: '0-9a-fA-F',
  Space: SPACE,
}

/** Throws PatternFault. */
export function javaPattern(text: string): JavaPattern {
  const { source, flags } = translated(text)
  try {
    const groups = new RegExp(`(?:${source})|`, flags).exec('')!.length - 1
    return {
      whole: new RegExp(`^(?:${source})$`, flags),
      part: new RegExp(source, flags),
      groups,
      isRisky: !canMatchInLinearTime(source, flags),
    }
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new PatternFault(error.message.replace(/^Invalid regular expression: /, ''))
    throw error
  }
}

interface Walk {
  readonly text: string
  at: number
  readonly dot: string
  /** `^` and `$` are those of lines. */
  readonly isMultiline: boolean
}

function translated(text: string): { source: string; flags: string } {
  const inline = /^\(\?([a-zA-Z]+)\)/.exec(text)
  const flags = inline === null ? '' : flagsOf(inline[1]!)
  const walk: Walk = {
    text,
    at: inline?.[0].length ?? 0,
    dot: flags.includes('s') ? '[^]' : NOT_LINE_END,
    isMultiline: flags.includes('m'),
  }
  let source = ''
  while (walk.at < text.length) source += step(walk)
  return { source, flags }
}

function flagsOf(letters: string): string {
  const unknown = letters.split('').filter((letter) => !'imsuU'.includes(letter))
  if (unknown.length > 0) throw new PatternFault(`JavaScript has no flag (?${unknown.join('')})`)
  return ['i', 'm', 's'].filter((letter) => letters.includes(letter)).join('')
}

function step(walk: Walk): string {
  const { text, at } = walk
  const character = text[at]!
  if (character === '\\') return escape(walk, false)
  if (character === '[') return characterClass(walk)
  walk.at += 1
  if (character === '.') return walk.dot
  if (character === '(') {
    const special = /^\(\?(?!:|=|!|<=|<!|<[a-zA-Z])[^)]{0,8}/.exec(text.slice(at))
    if (special !== null) throw new PatternFault(`JavaScript has no group ${special[0]}…`)
  }
  const isQuantifier = /[*+?}]/.test(character)
  if (isQuantifier && text[walk.at] === '+') {
    throw new PatternFault(`JavaScript has no possessive quantifier ${character}+: leave out the last +`)
  }
  return character
}

function escape(walk: Walk, isInside: boolean): string {
  const { text, at } = walk
  const letter = text[at + 1]
  if (letter === undefined) throw new PatternFault('it ends in a backslash')
  if (letter === 'Q') return quoted(walk)
  if (letter === 'p' || letter === 'P') return posix(walk, isInside)
  if (letter === 'G') throw new PatternFault('JavaScript has no \\G')
  const code = /^\\(?:x\{([0-9a-fA-F]{1,6})\}|0([0-3]?[0-7]{1,2}))/.exec(text.slice(at))
  if (code !== null) {
    walk.at += code[0].length
    return codeUnits(code[1] === undefined ? Number.parseInt(code[2]!, 8) : Number.parseInt(code[1], 16))
  }
  walk.at += 2
  const known = escapes[letter]
  if (known === undefined) return `\\${letter}`
  if (!isInside) return (walk.isMultiline ? undefined : ofWholeText[letter]) ?? known.outside
  if (known.inside === undefined) throw new PatternFault(`\\${letter} stands inside of […]`)
  return known.inside
}

function codeUnits(code: number): string {
  const text = String.fromCodePoint(Math.min(code, 0x10_ffff))
  return text
    .split('')
    .map((unit) => unit.charCodeAt(0))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('')
}

function quoted(walk: Walk): string {
  const begin = walk.at + 2
  const end = walk.text.indexOf('\\E', begin)
  walk.at = end === -1 ? walk.text.length : end + 2
  return walk.text.slice(begin, end === -1 ? undefined : end).replaceAll(/[\\^$.*+?()[\]{}|\-/]/g, '\\$&')
}

function posix(walk: Walk, isInside: boolean): string {
  const found = /^\\([pP])\{(\w+)\}/.exec(walk.text.slice(walk.at))
  const members = found === null ? undefined : posixClasses[found[2]!]
  if (found === null || members === undefined || (isInside && found[1] === 'P')) {
    const name = found?.[0] ?? walk.text.slice(walk.at, walk.at + 2)
    throw new PatternFault(`${name} is not known here: write its characters out, as in [a-zA-Z]`)
  }
  walk.at += found[0].length
  if (isInside) return members
  return found[1] === 'p' ? `[${members}]` : `[^${members}]`
}

function characterClass(walk: Walk): string {
  const { text } = walk
  let source = '['
  walk.at += 1
  if (text[walk.at] === '^') {
    source += '^'
    walk.at += 1
  }
  for (let isFirst = true; ; isFirst = false) {
    const character = text[walk.at]
    if (character === undefined) throw new PatternFault('a [ is not closed')
    if (character === ']' && !isFirst) break
    if (character === '[')
      throw new PatternFault('JavaScript has no class within a class: write \\[ for the character')
    if (text.startsWith('&&', walk.at)) throw new PatternFault('JavaScript has no && in a class')
    if (character === '\\') {
      source += escape(walk, true)
      continue
    }
    source += character === ']' ? '\\]' : character
    walk.at += 1
  }
  walk.at += 1
  return `${source}]`
}
