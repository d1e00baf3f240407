// What this broker calls itself to clients and in logs. Runs anywhere. A test holds it equal to package.json.

export const SOFTWARE = 'millrace/0.1.0'
