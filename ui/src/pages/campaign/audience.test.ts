import { describe, expect, it } from 'vitest';
import { audienceWords, dayOf, filled, foundIn, instantOf, listOf, people, tidy, wantedOf } from './audience';

describe('whom a campaign goes to', () => {
  const plan = {
    audience: { from: 'customers', tags: ['vip'], orders: { least: 2, after: '2026-01-01T00:00:00Z' } } as never,
    limit_to_stock: false,
    rate_per_minute: 600,
    tracks: true,
  };
  it('is told in words', () => {
    expect(audienceWords(plan, (at) => at.slice(0, 10))).toEqual([
      'Customers',
      'with the tag vip',
      'with at least 2 orders from 2026-01-01 on',
    ]);
    expect([people(1), people(1412)]).toEqual(['1 person', '1,412 people']);
  });
  it('what says nothing is left out', () => {
    expect(tidy({ a: '', b: [], c: { d: undefined }, e: 0, f: false, g: [' '] })).toEqual({ e: 0, f: false, g: [' '] });
    expect(wantedOf('Spring', plan)).toEqual({ name: 'Spring', audience: plan.audience, limit_to_stock: false, rate_per_minute: 600 });
    expect(listOf(' gold, ,silver')).toEqual(['gold', 'silver']);
  });
  it('conditions that do not fit another place go', () => {
    const wanted = { ...wantedOf('Spring', plan), product_id: 'p', limit_to_stock: true };
    expect(foundIn(wanted, 'subscribers')).toEqual({
      name: 'Spring',
      audience: { from: 'subscribers' },
      limit_to_stock: false,
      rate_per_minute: 600,
    });
    expect(foundIn(wanted, 'waitlist')).toMatchObject({ product_id: 'p', limit_to_stock: true, audience: { from: 'waitlist' } });
  });
  it('days are those of the zone', () => {
    expect(instantOf('2026-07-01', 'Europe/Berlin')).toBe('2026-06-30T22:00:00.000Z');
    expect(dayOf('2026-06-30T22:00:00Z', 'Europe/Berlin')).toBe('2026-07-01');
    expect([dayOf(null, null), instantOf('', null)]).toEqual(['', undefined]);
  });
  it('spans in which nobody came are there, as none', () => {
    const found = filled([{ at: '1970-01-01T01:05:00Z', opens: 2, clicks: 1 }], 300, 3600, 4300);
    expect([found.at.length, found.at.at(-1)]).toEqual([12, 4200]);
    expect([found.opens.slice(-3), found.clicks.slice(-3)]).toEqual([
      [0, 2, 0],
      [0, 1, 0],
    ]);
    expect(filled([], 1, 0, 10_000).at.length).toBe(400);
  });
});
