// Processing: each option gives what AWS' agent gives for the same record.
import { describe, expect, it } from 'vitest'
import { agentConfig } from '../../src/config/index.ts'
import { converterOf } from '../../src/processing/converter.ts'
import { matchInLinearTime } from '../../src/processing/linear-matching.ts'

function convert(options: readonly object[], record: string): string | undefined {
  const flows = [{ filePattern: '/a', kinesisStream: 'a', dataProcessingOptions: options }]
  const [flow] = agentConfig({ file: '/agent.json', text: JSON.stringify({ flows }) }, []).flows
  const converted = converterOf(flow!.processing)!(Buffer.from(record))
  return converted === undefined ? undefined : Buffer.from(converted).toString()
}

const csv = { optionName: 'CSVTOJSON', customFieldNames: ['a', 'b', 'c'] }
const log = (logFormat: string, more: object = {}) => ({ optionName: 'LOGTOJSON', logFormat, ...more })
const REQUEST = '203.0.113.9 - ada [12/Feb/2026:09:27:09 -0400] "GET /i.html HTTP/1.0" 200 10450'

/** Options, record, what comes out; undefined: skipped. */
const table: readonly (readonly [string, readonly object[], string, string | undefined])[] = [
  [
    'a record over lines is one line',
    [{ optionName: 'SINGLELINE' }],
    '{\n   "a": 1,\n\t"b": [ 2 ]\n }\n',
    '{"a": 1,"b": [ 2 ]}\n',
  ],
  ['an empty record', [{ optionName: 'SINGLELINE' }], '\n', '\n'],
  ['values by a comma, spaces kept', [csv], 'x, y,z\n', '{"a":"x","b":" y","c":"z"}\n'],
  ['missing values', [csv], 'x,y\n', '{"a":"x","b":"y","c":null}\n'],
  ['empty values in the middle and at the end', [csv], 'x,,\n', '{"a":"x","b":null,"c":null}\n'],
  ['an empty value before another', [csv], ',,z\n', '{"a":"","b":"","c":"z"}\n'],
  ['an empty line', [csv], '\n', '{"a":"","b":null,"c":null}\n'],
  ['commas alone', [csv], ',,\n', '{"a":null,"b":null,"c":null}\n'],
  ['too many values', [csv], '1,2,3,4\n', '{"a":"1","b":"2","c":"3"}\n'],
  ['quotes mean nothing', [csv], '"x,y",z\n', '{"a":"\\"x","b":"y\\"","c":"z"}\n'],
  [
    'a tab as a regular expression',
    [{ ...csv, delimiter: '\\t' }],
    'x\ty\tz\n',
    '{"a":"x","b":"y","c":"z"}\n',
  ],
  ['a tab as itself', [{ ...csv, delimiter: '\t' }], 'x\ty\tz\n', '{"a":"x","b":"y","c":"z"}\n'],
  [
    'a bar is a regular expression that matches nothing',
    [{ ...csv, delimiter: '|' }],
    'x|y\n',
    '{"a":"x","b":"|","c":"y"}\n',
  ],
  ['a bar escaped', [{ ...csv, delimiter: '\\|' }], 'x|y|z\n', '{"a":"x","b":"y","c":"z"}\n'],
  ['delimiters with groups', [{ ...csv, delimiter: '(;)\\s*' }], 'x; y;z\n', '{"a":"x","b":"y","c":"z"}\n'],
  [
    'laid out',
    [{ ...csv, jsonFormat: 'PRETTYPRINT' }],
    'x,y\n',
    '{\n  "a" : "x",\n  "b" : "y",\n  "c" : null\n}\n',
  ],
  [
    'names that come twice',
    [{ ...csv, customFieldNames: ['a', 'b', 'a'] }],
    '1,2,3\n',
    '{"a":"3","b":"2"}\n',
  ],
  ['bytes that are no UTF-8 are replaced', [{ optionName: 'ADDBRACKETS' }], '\ud800', '{\ufffd}'],
  ['brackets stand around the line feed too', [{ optionName: 'ADDBRACKETS' }], 'x\n', '{x\n}'],
  [
    'metadata',
    [{ optionName: 'ADDMETADATA', metadata: { host: 'a', tags: { b: [1, 'c'] } } }],
    'say "hi"\n',
    '{"metadata":{"host":"a","tags":{"b":[1,"c"]}},"data":"say \\"hi\\""}\n',
  ],
  [
    'metadata laid out',
    [{ optionName: 'ADDMETADATA', metadata: { a: {}, b: [], c: [1, { d: 2 }] }, jsonFormat: 'PRETTYPRINT' }],
    'x\n',
    '{\n  "metadata" : {\n    "a" : { },\n    "b" : [ ],\n    "c" : [ 1, {\n      "d" : 2\n    } ]\n  },\n  "data" : "x"\n}\n',
  ],
  ['no metadata', [{ optionName: 'ADDMETADATA' }], 'x\n', '{"metadata":null,"data":"x"}\n'],
  [
    'the common log',
    [log('COMMONAPACHELOG')],
    `${REQUEST}\n`,
    '{"host":"203.0.113.9","ident":null,"authuser":"ada","datetime":"12/Feb/2026:09:27:09 -0400","request":"GET /i.html HTTP/1.0","response":"200","bytes":"10450"}\n',
  ],
  [
    'the common log without bytes is none',
    [log('COMMONAPACHELOG')],
    `${REQUEST.replace(' 10450', '')}\n`,
    undefined,
  ],
  [
    'the common log takes more behind it',
    [log('COMMONAPACHELOG', { customFieldNames: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] })],
    `web-1.example.org - - [1/Feb/2026:9:27:09 +0000] "-" - - "-" more`,
    '{"a":"web-1.example.org","b":null,"c":null,"d":"1/Feb/2026:9:27:09 +0000","e":null,"f":null,"g":null}\n',
  ],
  [
    'a carriage return is no part of a line, as in Java',
    [log('COMMONAPACHELOG')],
    `${REQUEST}\r\n`,
    undefined,
  ],
  [
    'the combined log',
    [log('COMBINEDAPACHELOG')],
    `${REQUEST} "-" "Mozilla/5.0 (X11)" "more"`,
    '{"host":"203.0.113.9","ident":null,"authuser":"ada","datetime":"12/Feb/2026:09:27:09 -0400","request":"GET /i.html HTTP/1.0","response":"200","bytes":"10450","referer":null,"agent":"Mozilla/5.0 (X11)"}\n',
  ],
  [
    'the error log',
    [log('APACHEERRORLOG')],
    '[Fri Sep 09 10:42:29.902022 2026] [core:error] [pid 35708:tid 4328636416] [client 203.0.113.9:5000] File does not exist',
    '{"timestamp":"Fri Sep 09 10:42:29.902022 2026","module":"core","severity":"error","processid":"35708","threadid":"4328636416","client":"203.0.113.9:5000","message":"File does not exist"}\n',
  ],
  [
    'the error log without module and thread',
    [log('APACHEERRORLOG')],
    '[Fri Sep 09 10:42:29 2026] [error] [pid 1] [client host] no\n',
    '{"timestamp":"Fri Sep 09 10:42:29 2026","module":null,"severity":"error","processid":"1","threadid":null,"client":"host","message":"no"}\n',
  ],
  [
    'syslog',
    [log('SYSLOG')],
    'Mar 12 12:00:08 server2 rcd[308]: Loaded 12 packages \n',
    '{"timestamp":"Mar 12 12:00:08","hostname":"server2","program":"rcd","processid":"308","message":"Loaded 12 packages "}\n',
  ],
  [
    'syslog with a facility, without a process; a dash stays a dash',
    [log('SYSLOG')],
    'Mar  1 2:01:02 <13.6> server-4 snort: -',
    '{"timestamp":"Mar  1 2:01:02","hostname":"server-4","program":"snort","processid":null,"message":"-"}\n',
  ],
  [
    'syslog by RFC 3339',
    [log('RFC3339SYSLOG')],
    '2026-02-12T12:00:08.123456+01:00 server2 sshd[7]: Accepted\n',
    '{"timestamp":"2026-02-12T12:00:08.123456+01:00","hostname":"server2","program":"sshd","processid":"7","message":"Accepted"}\n',
  ],
  [
    'the other syslog is none',
    [log('RFC3339SYSLOG')],
    'Mar 12 12:00:08 server2 sshd[7]: Accepted\n',
    undefined,
  ],
  [
    'a pattern of the flow, and dashes as the format has them',
    [
      log('COMMONAPACHELOG', {
        matchPattern: String.raw`^([\d.]+) (\S+) .*" (\d{3}).*`,
        customFieldNames: ['ip', 'id', 'status'],
      }),
    ],
    `${REQUEST}\n`,
    '{"ip":"203.0.113.9","id":null,"status":"200"}\n',
  ],
  [
    'a pattern must match the whole record',
    [log('SYSLOG', { matchPattern: '(a)', customFieldNames: ['a'] })],
    'ab\n',
    undefined,
  ],
  [
    'several options in their order',
    [{ optionName: 'SINGLELINE' }, csv, { optionName: 'ADDMETADATA', metadata: 1 }],
    'x,\n y,\nz\n',
    '{"metadata":1,"data":"{\\"a\\":\\"x\\",\\"b\\":\\"y\\",\\"c\\":\\"z\\"}"}\n',
  ],
  ['what one option skips no other sees', [log('SYSLOG'), { optionName: 'ADDBRACKETS' }], 'x\n', undefined],
]

describe('converterOf', () => {
  for (const [title, options, record, expected] of table) {
    it(`${options.map((option) => (option as { optionName: string }).optionName).join(' and ')}: ${title}`, () => {
      expect(convert(options, record)).toBe(expected)
    })
  }

  it('ends on a line that is made to keep its pattern busy', () => {
    matchInLinearTime()
    const hostile = log('SYSLOG', { matchPattern: '((?:a+)+b)', customFieldNames: ['a'] })
    expect(convert([hostile], `${'a'.repeat(5000)}\n`)).toBeUndefined()
  })
})
