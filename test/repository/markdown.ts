// The code in a page of the documentation: the command lines of `millrace` in it, as a shell would take them apart, and what stands
// between backticks. Pure.

/** What may stand before the name of the command, in the line that starts it. */
const STARTS =
  /(?:^|[;&|(]|\$\()\s*(?:[A-Z_]+=\S*\s+|sudo (?:-\w+ \w+ )*|npx |exec |docker (?:exec|run) .*\s|ExecStart=|ExecReload=)*(?:\/\S*\/)?millrace(?= |$)/g

/** Returns the words behind `millrace` of each command line in the fenced blocks. */
export function commandLines(page: string): string[][] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .flatMap(([, language, code]) => (['', 'sh', 'ini'].includes(language!) ? [code!] : []))
    .flatMap((code) => code.replaceAll(/\\\n\s*/g, ' ').split('\n'))
    .flatMap((line) =>
      [...line.matchAll(STARTS)].map((match) => wordsOf(line.slice(match.index + match[0].length))),
    )
}

/** Returns the words up to the end of the command. Quoted ones keep what is in them. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  for (const [, quoted, ended, word] of text.matchAll(
    /\s*(?:'([^']*)'|(&&|[;#)>]|\|(?=\s)|<(?=[\s(])|$)|((?:[^\s'";&#)]|"[^"]*")+)|\S)/g,
  )) {
    if (ended !== undefined) break
    words.push(quoted ?? word ?? '')
  }
  return words
}

/** Returns what stands between single backticks, outside of fenced blocks. */
export function inlineCode(page: string): string[] {
  const prose = page.replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...prose.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, code]) => code!)
}
