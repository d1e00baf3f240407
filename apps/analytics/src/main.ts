// PROCESS ENTRY: the app as the daemon's child.
import { runApp } from 'millrace/app'
import { serveApp } from './app.ts'

runApp('analytics', serveApp)
