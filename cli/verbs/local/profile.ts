// `millrace profile add|use|list|show|remove`: brokers by name, in a file of the user's own. No broker is asked, and no secret is
// kept or shown: a profile holds the paths of files.
import { Command } from 'commander'
import { visible } from '../../../protocol/text/visible-text.ts'
import { newProfile, type ProfileFlags } from '../../connecting/new-profile.ts'
import { changeProfiles, readProfiles } from '../../connecting/profile-file.ts'
import {
  checkProfileName,
  profileOf,
  withoutProfile,
  withProfile,
  withUse,
  type Profile,
  type Profiles,
} from '../../connecting/profiles.ts'
import { resolveTarget } from '../../connecting/resolve.ts'
import { processSurroundings } from '../../connecting/surroundings.ts'
import { Failure } from '../../failure.ts'
import { jsonOption, withExamples } from '../../help.ts'
import { formatFields, formatTable } from '../../output/table.ts'
import { profileFields, targetFields, targetJson } from '../../output/profile-report.ts'
import { print, printJson, screenColumns, tell, type Terminal } from '../../terminal.ts'

interface Json {
  readonly json?: true
}

export function profileVerb(terminal: Terminal): Command {
  return withExamples(
    new Command('profile')
      .description('Name brokers, and choose the one that verbs talk to.')
      .addCommand(addVerb(terminal))
      .addCommand(useVerb(terminal))
      .addCommand(listVerb(terminal))
      .addCommand(showVerb(terminal))
      .addCommand(removeVerb(terminal)),
    [
      {
        line: 'millrace profile add lan --url millrace://broker.lan:7400',
        says: 'a broker, and its name here',
      },
      { line: 'millrace profile use lan', says: 'verbs without --url and --profile go there' },
      { line: 'millrace profile show', says: 'where they go now, and why' },
    ],
  )
}

function addVerb(terminal: Terminal): Command {
  const command = new Command('add')
    .description(
      'Add a profile: the url of a broker, and the paths of the files that it takes to connect. They are read when a verb ' +
        'connects, so they can be replaced at any time.',
    )
    .argument('<name>', '1 to 64 letters, digits, _ . -')
    .requiredOption('--url <url>', 'the broker')
    .option('--ca <path>', 'file of the certificates that sign those of the broker')
    .option('--token-file <path>', 'file of the token by which the broker knows you')
    .option('--cert <path>', 'file of the certificate by which the broker knows you')
    .option('--cert-key <path>', 'file of the private key of that certificate')
    .option('--replace', 'put it in the place of another of that name')
    .action(async (name: string, options: ProfileFlags & { replace?: true }) => {
      checkProfileName(name)
      const surroundings = processSurroundings()
      const profile = newProfile(options, surroundings)
      const before = await changeProfiles(surroundings, (profiles) => {
        if (options.replace !== true && Object.hasOwn(profiles.profiles, name)) {
          throw new Failure(
            `There is a profile ${name} already. With --replace this one takes its place.`,
            'usage',
          )
        }
        return withProfile(profiles, name, profile)
      })
      const isUsed = before.use === name
      print(terminal, `Added ${name}.${isUsed ? '' : ` Use it with \`millrace profile use ${name}\`.`}`)
    })
  return withExamples(command, [
    { line: 'millrace profile add lan --url millrace://broker.lan:7400', says: 'a broker in the open' },
    {
      line: 'millrace profile add prod --url millraces://broker.example.org:7400 --ca ./tls/ca.pem --token-file ./shop.token',
      says: 'one with TLS and tokens',
    },
  ])
}

function useVerb(terminal: Terminal): Command {
  const command = new Command('use')
    .description('Let verbs talk to the broker of this profile where nothing else names one.')
    .argument('[profile]')
    .option('--none', 'use no profile any more')
    .action(async (name: string | undefined, { none }: { none?: true }) => {
      if ((name === undefined) !== (none === true)) {
        throw new Failure('Name a profile, or ask for --none: one of the two.', 'usage')
      }
      const surroundings = processSurroundings()
      const { environment } = surroundings
      await changeProfiles(surroundings, (profiles) => {
        if (name !== undefined) profileOf(profiles, name)
        return withUse(profiles, name)
      })
      print(terminal, name === undefined ? 'No profile is in use.' : `Using ${name}.`)
      const stronger = ['MILLRACE_URL', 'MILLRACE_PROFILE'].find((variable) => environment[variable])
      if (name !== undefined && stronger !== undefined) {
        tell(terminal, `millrace: ${stronger} is set here, and goes before the profile in use.`)
      }
    })
  return withExamples(command, [
    { line: 'millrace profile use prod', says: 'until another is used' },
    { line: 'millrace profile use --none', says: 'as before there was any' },
  ])
}

function listVerb(terminal: Terminal): Command {
  const command = new Command('list')
    .description('List the profiles by name. The one in use is marked.')
    .addOption(jsonOption())
    .action(({ json }: Json) => {
      const profiles = readProfiles(processSurroundings())
      const all = namedProfiles(profiles)
      if (json === true) return printJson(terminal, all, { indent: 2 })
      if (all.length === 0) {
        return tell(
          terminal,
          'There is no profile yet. Add one with `millrace profile add <name> --url <url>`.',
        )
      }
      const rows = all.map(({ name, isUsed, url, ca, tokenFile, cert }) => [
        isUsed ? '*' : '',
        name,
        url,
        ca ?? '-',
        tokenFile ?? '-',
        cert ?? '-',
      ])
      const headings = ['', 'name', 'url', 'ca', 'token file', 'certificate']
      print(terminal, formatTable(headings, rows, { columns: screenColumns(terminal) }))
    })
  return withExamples(command, [
    { line: 'millrace profile list', says: 'a table' },
    { line: "millrace profile list --json | jq -r '.[].name'", says: 'the names alone' },
  ])
}

function showVerb(terminal: Terminal): Command {
  const command = new Command('show')
    .description('Show a profile; without a name, where verbs connect now, and what decides it.')
    .argument('[profile]')
    .addOption(jsonOption())
    .action((name: string | undefined, { json }: Json) => {
      const surroundings = processSurroundings()
      const room = { columns: screenColumns(terminal) }
      if (name === undefined) {
        const target = resolveTarget({}, surroundings)
        if (json === true) printJson(terminal, targetJson(target), { indent: 2 })
        else print(terminal, formatFields(targetFields(target), room))
        return
      }
      const profile = profileOf(readProfiles(surroundings), name)
      if (json === true) printJson(terminal, { name, ...profile }, { indent: 2 })
      else print(terminal, formatFields(profileFields(name, profile), room))
    })
  return withExamples(command, [
    { line: 'millrace profile show prod', says: 'its url and its files' },
    { line: 'millrace profile show', says: 'what a verb would do now' },
  ])
}

function removeVerb(terminal: Terminal): Command {
  const command = new Command('remove')
    .description('Remove a profile. The files that it names stay.')
    .argument('<profile>')
    .action(async (name: string) => {
      const before = await changeProfiles(processSurroundings(), (profiles) => {
        profileOf(profiles, name)
        return withoutProfile(profiles, name)
      })
      print(terminal, `Removed ${visible(name)}.${before.use === name ? ' No profile is in use now.' : ''}`)
    })
  return withExamples(command, [{ line: 'millrace profile remove prod', says: 'and not its token file' }])
}

function namedProfiles({
  use,
  profiles,
}: Profiles): readonly (Profile & { name: string; isUsed: boolean })[] {
  return Object.keys(profiles)
    .sort()
    .map((name) => ({ name, isUsed: name === use, ...profiles[name]! }))
}
