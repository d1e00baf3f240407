// The scripts that make shells complete command lines of `millrace`. Each asks the command itself for what can come next, so none
// has to be made anew when verbs change. Pure.

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The first line of an answer: whether paths of files can stand there too. */
export const directives = { names: ':names', files: ':files' } as const

const bash = unindented(`
  # Completion of millrace for bash. In ~/.bashrc: source <(millrace completion bash)
  _millrace() {
    local answer line program=\${COMP_WORDS[0]/#\\~\\//$HOME/}
    COMPREPLY=()
    answer=$("$program" completion bash --candidates -- "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" </dev/null 2>/dev/null) || return 0
    while IFS= read -r line; do
      case $line in
        ${directives.names} | '') ;;
        ${directives.files}) compopt -o default 2>/dev/null ;;
        *) COMPREPLY+=("$line") ;;
      esac
    done <<<"$answer"
  }
  complete -F _millrace millrace
`)

const zsh = unindented(`
  #compdef millrace
  # Completion of millrace for zsh. In ~/.zshrc: source <(millrace completion zsh)
  _millrace() {
    local answer line
    local -a described
    answer=$("\${(Q)words[1]/#\\~\\//$HOME/}" completion zsh --candidates -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" </dev/null 2>/dev/null) || return 0
    for line in "\${(@f)answer}"; do
      case $line in
        ${directives.names} | '') ;;
        ${directives.files}) _files ;;
        *) described+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${line#*$'\\t'}:+:\${line#*$'\\t'}}") ;;
      esac
    done
    _describe -V 'millrace' described
  }
  if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _millrace "$@"
  else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _millrace millrace
  fi
`)

const fish = unindented(`
  # Completion of millrace for fish. In ~/.config/fish/config.fish: millrace completion fish | source
  function __millrace_candidates
      set -l words (commandline -opc)
      set -l current (commandline -ct)
      set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
      set -e words[1]
      for line in ($program completion fish --candidates -- $words "$current" </dev/null 2>/dev/null)
          switch $line
              case ${directives.names}
              case ${directives.files}
                  __fish_complete_path $current
              case '*'
                  echo $line
          end
      end
  end
  complete -c millrace -f -k -a '(__millrace_candidates)'
`)

/** The script of each shell. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish }

/** Takes off the margin that keeps a script's lines from looking like those of this file. */
function unindented(text: string): string {
  return text.slice(1).replaceAll(/^ {2}/gm, '')
}
