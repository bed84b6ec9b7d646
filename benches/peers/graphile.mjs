// graphile-worker. PREPARE=1 only makes its tables. JOBS at once, QUEUE of its local queue (0: none), BATCH ms of completions.
import { Logger, run, runMigrations } from 'graphile-worker'
import pg from 'pg'
import { serve, statement } from './job.mjs'

const { PREPARE, JOBS = '10', QUEUE = '0', BATCH } = process.env
const loud = (level, message) => { if (level === 'error' || level === 'warning') console.error(level, message) }
const logger = new Logger(() => loud)
const pgPool = new pg.Pool({ max: Number(JOBS) + 2 })
if (PREPARE) {
  await runMigrations({ pgPool, logger })
  process.exit(0)
}
const worker = { concurrentJobs: Number(JOBS) }
if (Number(QUEUE)) worker.localQueue = { size: Number(QUEUE) }
if (BATCH !== undefined) worker.completeJobBatchDelay = worker.failJobBatchDelay = Number(BATCH)
const job = (order, { withPgClient }) => withPgClient((db) => db.query(statement([order])))
const runner = await run({ pgPool, logger, noHandleSignals: true, preset: { worker }, taskList: { job } })
serve(() => runner.stop())
await runner.promise
