// Name and version of this broker for clients and logs. Runs anywhere. A test keeps it equal to package.json.

export const SOFTWARE = 'millrace/0.1.0'
