// DuckDB, as the rest of the app uses it.
export { Engine, EngineSession, type EngineOptions, type EngineRow, type EngineStream } from './engine.ts'
export { EngineFault, type EngineFaultCode } from './engine-fault.ts'
