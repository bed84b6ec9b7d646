// The one job of all peers, written by hand: total >= 100.00 gives points, and the balance; a record with a trace in any
// case. On the shop's own tables, once for each order. Its statements are prepared, and one is a transaction.
const WORKFLOW = '00000000-0000-0000-0000-00000000002a'

const hits = (order) => order.total >= 10000
const points = (order) => Math.trunc(order.total / 100)
const text = (order) => (order.total / 100).toFixed(2)

// About as long as the engine's own.
const trace = (order) => JSON.stringify([
  { node: 'start', outcome: 'done', why: 'order created', at: order.created_at },
  { node: 'big', outcome: 'done', branch: String(hits(order)), at: order.created_at,
    why: `${text(order)} is ${hits(order) ? 'at least' : 'less than'} 100.00` },
  hits(order)
    ? { node: 'points', outcome: 'done', at: order.created_at, result: { points: points(order), balance: points(order) },
        changes: [{ table: 'loyalty_ledger', key: order.id, after: { points: points(order) } }] }
    : { node: 'points', outcome: 'skipped', at: order.created_at, why: 'no way led here' }])

// Both with one statement, for one order or for many.
export const statement = (orders) => {
  const awarded = orders.filter(hits)
  return {
    name: 'job',
    text: `with awarded as (
        insert into loyalty_ledger (id, order_id, customer_id, points, reason)
        select id, id, customer_id, points, 'order'
        from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as u (id, customer_id, points)
        on conflict (id) do nothing
        returning customer_id, points
      ), balances as (
        insert into loyalty_points (customer_id, balance)
        select customer_id, sum(points) from awarded group by customer_id order by customer_id
        on conflict (customer_id) do update set balance = loyalty_points.balance + excluded.balance)
      insert into job_runs (workflow_id, event_id, status, steps, started_at, finished_at)
      select '${WORKFLOW}', event, 'succeeded', steps, now(), clock_timestamp()
      from unnest($4::uuid[], $5::jsonb[]) as u (event, steps)`,
    values: [awarded.map((o) => o.id), awarded.map((o) => o.customer_id), awarded.map(points),
      orders.map((o) => o.id), orders.map(trace)],
  }
}

// Says that it is ready, and ends when it is told to.
export const serve = (stop) => {
  process.on('SIGTERM', () => stop().catch(() => {}).finally(() => process.exit(0)))
  console.log('READY')
}
