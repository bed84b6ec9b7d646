// The course of the daemon's figures, as far as this browser has watched: read from /metrics, kept in a ring.

/** A figure of /metrics with its labels: `name{a="b"}`. */
export type Scrape = Map<string, number>;

export function readMetrics(text: string): Scrape {
  const found: Scrape = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}

/** All that have this name, with these labels among theirs. */
export function sum(scrape: Scrape, name: string, labels = ''): number {
  let total = 0;
  for (const [key, value] of scrape) if ((key === name || key.startsWith(`${name}{`)) && key.includes(labels)) total += value;
  return total;
}

/** What so many of what came between two scrapes stayed below; nothing if nothing came. */
export function quantile(before: Scrape, now: Scrape, name: string, share: number): number | null {
  const buckets: [number, number][] = [];
  for (const [key, value] of now) {
    const le = key.startsWith(`${name}_bucket{`) ? /le="([^"]+)"/.exec(key)?.[1] : undefined;
    if (le) buckets.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), value - (before.get(key) ?? 0)]);
  }
  buckets.sort((one, other) => one[0] - other[0]);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const wanted = all * share;
  let below = 0;
  let low = 0;
  for (const [le, count] of buckets) {
    if (count >= wanted) return Number.isFinite(le) ? low + ((wanted - below) / Math.max(1, count - below)) * (le - low) : low;
    below = count;
    low = le;
  }
  return low;
}

export interface Moment {
  /** Seconds since 1970. */
  at: number;
  throughput: number | null;
  lag: number;
  latency: number | null;
  queue: number;
  deliveries: number;
  succeeded: number | null;
  failed: number | null;
}
export interface Course {
  moments: Moment[];
  scrapes: { at: number; scrape: Scrape }[];
}

export const EMPTY: Course = { moments: [], scrapes: [] };
/** Ten minutes at one each two seconds. */
const MOST = 300;
/** Latency is that of the last half minute, or it would jump. */
const WINDOW_S = 30;
/** More than that between two is a pause: nobody watched. */
const PAUSE_S = 15;

/** Adds what was just read. */
export function grown(course: Course, at: number, scrape: Scrape): Course {
  const last = course.scrapes.at(-1);
  const passed = last ? at - last.at : 0;
  // After a restart counters begin anew; after a pause nobody knows how it went.
  const isFit =
    last !== undefined &&
    passed > 0 &&
    passed < PAUSE_S &&
    sum(scrape, 'thendo_queue_rows_total') >= sum(last.scrape, 'thendo_queue_rows_total');
  const rate = (name: string, labels?: string) =>
    isFit && last ? Math.max(0, sum(scrape, name, labels) - sum(last.scrape, name, labels)) / passed : null;
  const scrapes = isFit ? [...course.scrapes.filter((one) => one.at >= at - WINDOW_S), { at, scrape }] : [{ at, scrape }];
  const oldest = scrapes[0];
  const moment: Moment = {
    at,
    throughput: rate('thendo_queue_rows_total'),
    lag: sum(scrape, 'thendo_queue_lag_seconds'),
    queue: sum(scrape, 'thendo_queue_rows'),
    latency: isFit && oldest ? quantile(oldest.scrape, scrape, 'thendo_batch_lag_seconds', 0.95) : null,
    deliveries: sum(scrape, 'thendo_deliveries_open'),
    succeeded: rate('thendo_executions_total', 'succeeded'),
    failed: rate('thendo_executions_total', 'failed'),
  };
  // A pause is a gap in the line.
  const gap: Moment[] =
    last && !isFit
      ? [
          {
            at: at - 0.001,
            throughput: null,
            lag: Number.NaN,
            latency: null,
            queue: Number.NaN,
            deliveries: Number.NaN,
            succeeded: null,
            failed: null,
          },
        ]
      : [];
  return { scrapes, moments: [...course.moments, ...gap, moment].slice(-MOST) };
}

/** Now, lowest, highest and mean of those that are known. */
export function summary(values: readonly (number | null)[]): { now: number | null; least: number; most: number; mean: number } | null {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (known.length === 0) return null;
  const last = values.at(-1);
  return {
    now: last === undefined || last === null || !Number.isFinite(last) ? null : last,
    least: Math.min(...known),
    most: Math.max(...known),
    mean: known.reduce((total, value) => total + value, 0) / known.length,
  };
}
