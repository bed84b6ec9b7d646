import { describe, expect, it } from 'vitest';
import { effectSaid, type Figures, rowsOf } from './figures';

const counted = {
  version: 'the draft',
  started: 4,
  succeeded: 4,
  failed: 0,
  rests: 0,
  failures: [],
  effects: { award_points: { count: 2, points: 500 } },
};

describe('what it would have done', () => {
  it('stands beside what is in force, with the longer bar as the whole', () => {
    const against = {
      ...counted,
      version: 'v1',
      started: 8,
      effects: {},
      comparison: { same: 4, differs: 0, only_here: 0, only_there: 4 },
    };
    const rows = rowsOf({ ...counted, events: 8, assumed: [], against } as Figures);
    expect(rows[0]).toEqual({ label: 'Would run', before: '8', after: '4', share: { before: 100, after: 50 } });
    expect(rows.at(-1)).toMatchObject({ label: 'Award points', before: '0', after: '2 · 500 points' });
  });

  it('says effects in words', () => {
    expect(effectSaid('create_deposit', { count: 1, amounts: { EUR: 12_500 } })).toBe('1 · 125.00 EUR');
    expect(effectSaid('send_email', { count: 12, recipients: 9 })).toBe('12 · to 9 addresses');
    expect(effectSaid('send_email', undefined)).toBe('0');
  });
});
