// The options by which `import aws` and `export aws` find the stream on the other side. Pure but for the clock that is given.
import { Option, type Command } from 'commander'
import { parseGroupStart } from '../../positions.ts'

export interface SideFlags {
  readonly endpoint?: string
  readonly region?: string
  readonly awsProfile?: string
  readonly stream: string
  readonly start: string
  readonly follow?: true
  readonly quiet?: true
  readonly json?: true
}

/** Adds the options of the other side, and those that both directions have. */
export function withSide(command: Command): Command {
  const heading = 'Options of the Kinesis side:'
  const options = [
    new Option('--endpoint <url>', 'where Kinesis is; by default AWS, in the region'),
    new Option('--region <region>', 'as signed for; by default that of the environment and files of AWS'),
    new Option(
      '--aws-profile <name>',
      'a profile of the files of AWS; credentials are found as AWS finds them',
    ),
    new Option('--stream <name>', 'the Kinesis stream').makeOptionMandatory(),
  ]
  for (const option of options) command.addOption(option.helpGroup(heading))
  return command
}

/** Where the first run begins. LATEST is a time: what comes between two runs is not left out. */
export function startOf(text: string, now: number): 'TRIM_HORIZON' | { readonly atTimestamp: number } {
  const start = parseGroupStart(text, { option: '--start', now })
  if (start === 'LATEST') return { atTimestamp: now }
  if (start === 'TRIM_HORIZON') return start
  return { atTimestamp: Number(start.atTimestamp) }
}
