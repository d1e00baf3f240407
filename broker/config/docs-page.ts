// Makes docs/configuration.md from the option table. Runs in the documentation generator; pure.
import { appNames, appTable, type AppName } from './apps/app-table.ts'
import { environmentNameOf, flagOf, optionsOf, type Option, type OptionName } from './options.ts'

/** Returns the page as Markdown. */
export function configurationPage(): string {
  const broker = optionsOf('broker').filter(([, { app }]) => app === undefined)
  return `# Configuration

Every option of the daemon can be given as a flag, as an environment variable, or in a JSON file that \`--config\` or
\`MILLRACE_CONFIG\` names. A flag goes before the environment, the environment before the file, the file before the
default. An unknown option and a value out of bounds stop the start with one sentence that names where it stands.
\`millrace config\` prints every value in force and where it came from.

Sizes are written \`64MiB\` or \`1GB\`, durations \`250ms\`, \`30s\` or \`24h\`. Relative paths in a file start at the file.

\`\`\`json
{ "dataDir": "/var/lib/millrace", "host": "10.0.0.7", "insecure": true, "segmentSize": "1GiB" }
\`\`\`

What belongs to one stream, such as its retention, is a setting of the stream and not an option here.

| flag | environment | file key | default | bounds | for |
| --- | --- | --- | --- | --- | --- |
${broker.map(([name, option]) => row(name, option)).join('\n')}

${broker.map(([name, option]) => section(name, option)).join('\n\n')}

${appNames.map(appSection).join('\n\n')}

## For programs that connect

Every verb of the command line that uses a broker takes these as flags or from the environment. Programs take \`MILLRACE_URL\`
where \`connect\` is given no url, and then the certificates and the token of the environment too;
they know no profiles.

| flag | environment | default | what for |
| --- | --- | --- | --- |
${optionsOf('client')
  .map(([name, option]) => clientRow(name, option))
  .join('\n')}
`
}

/** An app's section of the table. */
function appSection(app: AppName): string {
  const own = optionsOf('broker').filter(([, option]) => option.app === app)
  return `## The app ${app}

${appTable[app].doc} These count where \`--with ${app}\` runs it in the daemon. \`millrace ${appTable[app].verb}\` runs it by itself: there the
flags have no \`${app}-\` in their names, and the variables are the same.

| flag | environment | file key | default | bounds | for |
| --- | --- | --- | --- | --- | --- |
${own.map(([name, option]) => row(name, option)).join('\n')}

${own.map(([name, option]) => `#${section(name, option)}`).join('\n\n')}`
}

function row(name: OptionName, option: Option): string {
  const cells = [
    code(flagOf(name)),
    code(environmentNameOf(name)),
    // A file cannot name another file.
    name === 'config' ? '' : code(name),
    option.default === null ? '' : code(option.default),
    bounds(option),
    option.audience,
  ]
  return `| ${cells.join(' | ')} |`
}

function clientRow(name: OptionName, option: Option): string {
  const cells = [
    option.isSecret === true ? '' : code(flagOf(name)),
    code(environmentNameOf(name)),
    option.default === null ? '' : code(option.default),
    option.doc,
  ]
  return `| ${cells.join(' | ')} |`
}

function bounds(option: Option): string {
  if (option.values !== undefined) return option.values.map(code).join(', ')
  return option.min === undefined || option.max === undefined ? '' : `${option.min} to ${option.max}`
}

function section(name: OptionName, option: Option): string {
  const auto = option.auto === undefined ? '' : ` \`auto\`: ${option.auto}.`
  return `## ${flagOf(name).slice(2)}\n\n${option.doc}${auto} Example: \`${flagOf(name)} ${option.example}\``
}

function code(text: string): string {
  return `\`${text}\``
}
