// The section of the app agent in the one table of options. Runs anywhere; pure data. What they mean to the app is said again by
// its own types: a test holds both together.

export const agentOptions = {
  agentConfig: {
    kind: 'path',
    default: '/etc/aws-kinesis/agent.json',
    example: '/etc/millrace/agent.json',
    doc: 'Configuration of the agent, as the AWS Kinesis Agent reads it. The directory agent.d beside it is read too.',
    audience: 'operator',
    scope: 'broker',
    app: 'agent',
  },
  agentStateDir: {
    kind: 'path',
    default: null,
    example: '/var/lib/millrace-agent',
    doc: 'Directory where the agent keeps how far it has read each file. Left out: that of checkpointFile in its configuration, else agent-state beside it.',
    audience: 'operator',
    scope: 'broker',
    app: 'agent',
  },
  agentHost: {
    kind: 'string',
    default: '127.0.0.1',
    example: '0.0.0.0',
    doc: 'Address of the page that shows where the agent stands.',
    audience: 'operator',
    scope: 'broker',
    app: 'agent',
  },
  agentPort: {
    kind: 'port',
    default: '7482',
    min: '0',
    max: '65535',
    example: '7482',
    doc: 'Port of the page that shows where the agent stands, and of its metrics. 0 takes any free one.',
    audience: 'operator',
    scope: 'broker',
    app: 'agent',
  },
} as const
