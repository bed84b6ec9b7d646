// What a backtest gives, as rows of two columns: docs/backtesting.md says what is counted.
import { words } from '@/graph/drawing';

interface Effect { count: number; points?: number; amounts?: Record<string, number>; recipients?: number }
interface Counted {
  version: string;
  started: number;
  succeeded: number;
  failed: number;
  rests: number;
  effects: Record<string, Effect>;
  failures: { reason: string; count: number }[];
}
export interface Figures extends Counted {
  events: number;
  assumed: string[];
  against?: Counted & { comparison: { same: number; differs: number; only_here: number; only_there: number } };
}
export interface Row { label: string; before: string; after: string; share: { before: number; after: number } }

/** A kind's effects in a word or two: "250 points", "12 mails to 9 addresses", "125.00 EUR". */
export function effectSaid(kind: string, effect: Effect | undefined): string {
  if (!effect) return '0';
  const amounts = Object.entries(effect.amounts ?? {}).map(([currency, minor]) => `${(minor / 100).toFixed(2)} ${currency}`);
  const more = [effect.points !== undefined && `${effect.points} points`, ...amounts, kind === 'send_email' && effect.recipients !== undefined && `to ${effect.recipients} ${effect.recipients === 1 ? 'address' : 'addresses'}`];
  return [String(effect.count), ...more.filter(Boolean)].join(' · ');
}

export function rowsOf(figures: Figures): Row[] {
  const { against } = figures;
  const plain = (label: string, key: 'started' | 'succeeded' | 'failed' | 'rests') => row(label, against?.[key], figures[key]);
  const kinds = [...new Set([...Object.keys(against?.effects ?? {}), ...Object.keys(figures.effects)])].sort();
  return [
    plain('Would run', 'started'), plain('Would fail', 'failed'),
    ...(figures.rests + (against?.rests ?? 0) > 0 ? [plain('Would rest for an answer', 'rests')] : []),
    ...kinds.map((kind) => {
      const [before, after] = [against?.effects[kind], figures.effects[kind]];
      return { ...row(words(kind), before?.count ?? 0, after?.count ?? 0), before: effectSaid(kind, before), after: effectSaid(kind, after) };
    }),
  ];
}

function row(label: string, before: number | undefined, after: number): Row {
  const most = Math.max(before ?? 0, after, 1);
  return { label, before: String(before ?? ''), after: String(after), share: { before: ((before ?? 0) / most) * 100, after: (after / most) * 100 } };
}

export const failures = (figures: Figures) => figures.failures.slice(0, 3).map((one) => `${one.count} × ${one.reason}`);
