// pg-boss. PREPARE=1 only makes its tables. BATCH jobs at once in each of JOBS workers, in pg-boss's own transaction.
import { PgBoss } from 'pg-boss'
import { serve, statement } from './job.mjs'

const { PREPARE, JOBS = '2', BATCH = '500', PGHOST, PGPORT, PGUSER, PGDATABASE, LISTEN } = process.env
const boss = new PgBoss({
  host: PGHOST, port: Number(PGPORT), user: PGUSER, database: PGDATABASE,
  max: Math.max(10, Number(JOBS) * 2 + 2), useListenNotify: LISTEN === '1',
})
boss.on('error', (error) => console.error('error', error.message))
await boss.start()
await boss.createQueue('job', { notify: true })
if (PREPARE) {
  await boss.stop()
  process.exit(0)
}
const options = {
  batchSize: Number(BATCH), localConcurrency: Number(JOBS), pollingIntervalSeconds: 0.5, burstWhenBatchFull: true,
  transactional: true,
}
await boss.work('job', options, async (jobs, db) => {
  const { text, values } = statement(jobs.map((job) => job.data))
  await db.executeSql(text, values)
  return { ok: true }
})
serve(() => boss.stop({ graceful: false }))
