// What of the events is shown: read from the address, so that it can be kept and sent on.
import { ownZone } from '@/parts/time';

export const FIELDS = ['type', 'table', 'entity', 'since', 'until'] as const;
export type EventFilter = Partial<Record<(typeof FIELDS)[number], string>>;

export function filterIn(search: string): EventFilter {
  const asked = new URLSearchParams(search);
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const value = asked.get(field);
      return value ? [[field, value]] : [];
    }),
  );
}

export function searchOf(filter: Partial<Record<(typeof FIELDS)[number], string | undefined>>): string {
  const pairs = FIELDS.flatMap((field) => (filter[field] ? [[field, filter[field]] as [string, string]] : []));
  return pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : '';
}

export const isDay = (value: string | undefined) => value !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(value);

/** When a day begins in a zone, for the daemon, to which days are those of UTC. */
export function beginOf(day: string, zone: string | null): string {
  const asUtc = Date.parse(`${day}T00:00:00Z`);
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone ?? ownZone(),
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const told = (at: number) => {
    const {
      year,
      month,
      day: date,
      hour,
      minute,
      second,
    } = Object.fromEntries(parts.formatToParts(at).map((part) => [part.type, part.value]));
    return Date.parse(`${year}-${month}-${date}T${hour}:${minute}:${second}Z`);
  };
  // Twice: the first guess may lie on the other side of a change of the clocks.
  const guess = asUtc - (told(asUtc) - asUtc);
  return new Date(asUtc - (told(guess) - guess)).toISOString();
}

/** As the daemon is asked: days begin in the admin's zone, and the last day is one that counts. */
export function asked(filter: EventFilter, zone: string | null): EventFilter {
  const next = (day: string) => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
  const found = { ...filter };
  if (found.since && isDay(found.since)) found.since = beginOf(found.since, zone);
  if (found.until && isDay(found.until)) found.until = beginOf(next(found.until), zone);
  return found;
}

/** The time that an event's id begins with. */
export const timeOfId = (id: string) => new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toISOString();
