// What is not as it should be, in plain words, with what to do.
import type { Schemas } from '@/api/client';
import { span } from '@/parts/time';

export interface Finding {
  tone: 'failed' | 'waiting';
  says: string;
  todo: string;
  to?: { label: string; path: string };
}

const MOST = 1000;
/** Older than this is a daemon that says nothing any more. */
export const SILENT_MS = 60_000;
const LATE_S = 60;

const counted = (count: number, one: string, many: string) => `${count >= MOST ? `${MOST} or more` : count} ${count === 1 ? one : many}`;

export function findings({ figures, daemons, ready, reason }: Schemas['Health'], now: number): Finding[] {
  const found: Finding[] = [];
  if (!ready)
    found.push({
      tone: 'failed',
      says: reason ?? 'The daemon does not work.',
      todo: 'Its log says more. What happens in the shop meanwhile is kept, and done once it works.',
    });
  const silent = daemons.filter((one) => now - Date.parse(one.seen_at) > SILENT_MS);
  for (const one of silent)
    found.push({
      tone: 'failed',
      says: `The daemon on ${one.host} says nothing since ${span(now - Date.parse(one.seen_at))}.`,
      todo: 'See whether that machine runs and reaches the database. Others do its work meanwhile.',
    });
  if (new Set(daemons.map((one) => one.version)).size > 1)
    found.push({ tone: 'waiting', says: 'Daemons of several versions work together.', todo: 'That is right during an update; finish it.' });
  if (figures.lag_s > LATE_S)
    found.push({
      tone: 'failed',
      says: `Workflows are ${span(figures.lag_s * 1000)} behind the shop.`,
      todo:
        figures.due >= MOST
          ? 'Much happened at once. If it does not fall within minutes, start another daemon.'
          : 'Something holds a lane up: look at the last alarms, and at the daemon’s log.',
    });
  if (figures.dead_letters > 0)
    found.push({
      tone: 'failed',
      says: `${counted(figures.dead_letters, 'execution', 'executions')} failed, and nobody has tried ${figures.dead_letters === 1 ? 'it' : 'them'} again.`,
      todo: 'Mend what they say, then try them again: what was done is not done twice.',
      to: { label: 'Look at them', path: '/executions/untouched' },
    });
  if (figures.held > 0)
    found.push({
      tone: 'waiting',
      says: `${counted(figures.held, 'workflow is', 'workflows are')} held: nothing of ${figures.held === 1 ? 'it' : 'them'} moves.`,
      todo: 'When the cause is mended: thendo workflow release NAME.',
    });
  if (figures.deliveries >= MOST)
    found.push({
      tone: 'waiting',
      says: `${MOST} or more mails and requests are on their way.`,
      todo: 'If that does not fall, a mail server or another system does not keep up.',
    });
  return found;
}
