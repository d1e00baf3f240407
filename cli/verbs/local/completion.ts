// `millrace completion`: prints the script by which a shell completes command lines, and answers that script. An answer comes
// within a bounded time, and what goes wrong meanwhile is not told: it would be written across the line that a person edits.
import { Argument, Command, Option } from 'commander'
import { endSoon } from '../../../broker/telemetry/end-soon.ts'
import { askedBy, type Candidate } from '../../completion/asked.ts'
import { askNames } from '../../completion/names.ts'
import { directives, scripts, shells, type Shell } from '../../completion/scripts.ts'
import { keptByBash, shellWords } from '../../completion/shell-words.ts'
import { processSurroundings } from '../../connecting/surroundings.ts'
import { Failure } from '../../failure.ts'
import { withExamples } from '../../help.ts'
import type { Terminal } from '../../terminal.ts'

/** Longest time that names are waited for. */
const NAMES_MS_MAX = 1000
/** Then the process ends, whatever it still waits for: the look-up of a name cannot be called off. */
const ANSWER_MS_MAX = NAMES_MS_MAX + 500
/** Names come from the broker, and are put into a command line: what a shell would obey is left out. */
const PLAIN = /^[\w./:@%+,=-]+$/

export function completionVerb(terminal: Terminal): Command {
  const command = new Command('completion')
    .description(
      'Print the script by which a shell completes verbs, options, and names of streams, shards, groups, consumers, ' +
        'principals and profiles. Names come from the broker where the verb on the line would connect.',
    )
    .addArgument(new Argument('<shell>', 'whose script').choices(shells))
    .addArgument(new Argument('[words...]', 'with --candidates, what is typed so far'))
    .addOption(new Option('--candidates', 'answer the script').hideHelp())
    .usage('[options] <shell>')
    .action(async (shell: Shell, words: readonly string[], { candidates }: { candidates?: true }) => {
      if (candidates === true) return answer(shell, words, { terminal, program: command.parent! })
      if (words.length > 0) throw new Failure('Name one shell.', 'usage')
      // Not `print`: the script has tabs and other characters that must stay as they are.
      terminal.stdout.write(scripts[shell])
    })
  return withExamples(command, [
    { line: 'source <(millrace completion bash)', says: 'in ~/.bashrc' },
    { line: 'source <(millrace completion zsh)', says: 'in ~/.zshrc' },
    { line: 'millrace completion fish | source', says: 'in ~/.config/fish/config.fish' },
  ])
}

async function answer(
  shell: Shell,
  given: readonly string[],
  { terminal, program }: { terminal: Terminal; program: Command },
): Promise<void> {
  endSoon({ withinMs: ANSWER_MS_MAX })
  const words = shell === 'bash' ? shellWords(given[0] ?? '').slice(1) : given
  const asked = askedBy(program, words)
  const typed = words.at(-1) ?? ''
  const all: Candidate[] = [...asked.candidates]
  const deadline = AbortSignal.timeout(NAMES_MS_MAX)
  const ended = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve()))
  const asking = askNames(asked, {
    surroundings: processSurroundings(),
    signal: deadline,
    onName: (value) => all.push({ value, says: '' }),
  })
  await Promise.race([asking.catch(() => {}), ended])
  const kept = shell === 'bash' ? keptByBash(typed, given[1] ?? '') : ''
  const lines = all
    .map(({ value, says }) => ({ value: `${asked.prefix}${value}`, says }))
    .filter(({ value }) => value.startsWith(typed) && PLAIN.test(value))
    .map(({ value, says }) =>
      shell === 'bash' ? value.slice(kept.length) : `${value}\t${firstSentence(says)}`,
    )
  const directive = asked.files === true ? directives.files : directives.names
  terminal.stdout.write(`${[directive, ...lines].join('\n')}\n`)
}

/** What a list of candidates has room for. */
function firstSentence(text: string): string {
  return text.split(/[.;] |\.$|\s\(env /)[0]!.replaceAll(/\s+/g, ' ')
}
