// The columns of the log lines that deliveries are measured with. Pure data.

export const logLineColumns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'ts', type: 'TIMESTAMP' },
  { name: 'user', type: 'VARCHAR' },
  { name: 'country', type: 'VARCHAR' },
  { name: 'path', type: 'VARCHAR' },
  { name: 'status', type: 'INTEGER' },
  { name: 'ms', type: 'DOUBLE' },
  { name: 'agent', type: 'STRUCT(os VARCHAR, v INTEGER)' },
  { name: 'tags', type: 'VARCHAR[]' },
]
