// A time: how long ago, and on a glance exactly when, in the admin's zone.
import { useSyncExternalStore } from 'react';
import { absolute, relative, useZone } from './time';

let now = Date.now();
const listeners = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

/** One clock for all times on the page. */
function subscribe(listener: () => void) {
  listeners.add(listener);
  ticking ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 15_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

export function When({ at, exact = false }: { at: string; exact?: boolean }) {
  const zone = useZone((state) => state.zone);
  useSyncExternalStore(subscribe, () => now);
  const time = new Date(at);
  const whole = absolute(time, zone);
  return (
    <time dateTime={at} title={whole}>
      {exact ? whole : relative(time, Date.now())}
    </time>
  );
}
