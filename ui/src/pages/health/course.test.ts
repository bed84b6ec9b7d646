import { describe, expect, it } from 'vitest';
import { EMPTY, grown, quantile, readMetrics, sum, summary } from './course';
import { findings } from './findings';

const scrape = (rows: number, failed: number, fast: number, slow: number) =>
  readMetrics(`# HELP x
thendo_queue_rows_total ${rows}
thendo_queue_rows 3
thendo_queue_lag_seconds 0.5
thendo_deliveries_open 2
thendo_executions_total{outcome="succeeded"} ${rows - failed}
thendo_executions_total{outcome="failed"} ${failed}
thendo_batch_lag_seconds_bucket{le="0.01"} ${fast}
thendo_batch_lag_seconds_bucket{le="0.1"} ${fast + slow}
thendo_batch_lag_seconds_bucket{le="+Inf"} ${fast + slow}
`);

describe('the course of figures', () => {
  it('rates are what came between two, by the second', () => {
    const first = grown(EMPTY, 100, scrape(10, 1, 5, 0));
    expect(first.moments[0]).toMatchObject({ throughput: null, latency: null, queue: 3, deliveries: 2, lag: 0.5 });
    const next = grown(first, 102, scrape(14, 3, 7, 0));
    expect(next.moments[1]).toMatchObject({ throughput: 2, failed: 1, succeeded: 1 });
    expect(next.moments[1]?.latency).toBeCloseTo(0.0095);
  });
  it('a restart or a pause is a gap, not a fall', () => {
    const begun = grown(EMPTY, 100, scrape(10, 0, 5, 0));
    for (const next of [grown(begun, 102, scrape(1, 0, 1, 0)), grown(begun, 200, scrape(20, 0, 9, 0))]) {
      expect(next.moments.map((one) => one.throughput)).toEqual([null, null, null]);
    }
  });
  it('is a ring', () => {
    let course = EMPTY;
    for (let at = 0; at < 700; at += 2) course = grown(course, at, scrape(at, 0, at, 0));
    expect(course.moments.length).toBe(300);
    expect(course.scrapes.length).toBeLessThan(20);
  });
  it('quantiles lie within their bucket, and are none without anything', () => {
    expect(quantile(scrape(0, 0, 0, 0), scrape(9, 0, 0, 10), 'thendo_batch_lag_seconds', 0.5)).toBeCloseTo(0.055);
    expect(quantile(scrape(0, 0, 4, 0), scrape(9, 0, 4, 0), 'thendo_batch_lag_seconds', 0.5)).toBe(null);
    expect(sum(scrape(5, 2, 0, 0), 'thendo_executions_total')).toBe(5);
  });
  it('is told in words', () => {
    expect(summary([null, 1, 3])).toEqual({ now: 3, least: 1, most: 3, mean: 2 });
    expect(summary([null, Number.NaN])).toBe(null);
  });
});

describe('findings', () => {
  const figures = { due: 0, lag_s: 0, waiting: 4, deliveries: 0, dead_letters: 0, held: 0, daemons: 1 };
  const daemon = { id: 'a', host: 'h', pid: 1, version: '1', seen_at: '2026-01-01T00:00:00Z', started_at: '2026-01-01T00:00:00Z' };
  const now = Date.parse('2026-01-01T00:00:10Z');
  const health = { ready: true, version: '1', figures, daemons: [daemon], alarms: [] };
  it('nothing is found where all is well', () => expect(findings(health, now)).toEqual([]));
  it('each says what to do', () => {
    const found = findings(
      {
        ...health,
        ready: false,
        reason: 'away',
        figures: { ...figures, lag_s: 90, dead_letters: 2, held: 1 },
        daemons: [daemon, { ...daemon, version: '2' }],
      },
      now + 120_000,
    );
    expect(found.length).toBe(7);
    expect(found.every((one) => one.todo.length > 10)).toBe(true);
  });
});
