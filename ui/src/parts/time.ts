// Times in the admin's zone, and how long ago they were.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';

/** The zone that this browser is in. */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** The zone in which times are shown; nothing: the browser's. */
export const useZone = create<{ zone: string | null; set: (zone: string | null) => void }>()(
  persist((set) => ({ zone: null, set: (zone) => set({ zone }) }), { name: 'thendo.zone' }),
);

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** "3 minutes ago", "in 2 days", "just now". */
export function relative(time: Date, now: number): string {
  const seconds = (time.getTime() - now) / 1000;
  const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  if (seconds > 2) return 'in a moment';
  return seconds > -5 ? 'just now' : words.format(Math.trunc(seconds), 'second');
}

/** "23 Nov 2026, 23:01:59 GMT". */
export function absolute(time: Date, zone: string | null): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
    timeZone: zone ?? ownZone(),
  }).format(time);
}

/** "20 ms", "1.4 s", "3 min", "2 h", "5 days". */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}
