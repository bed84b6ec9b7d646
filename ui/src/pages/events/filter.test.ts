import { describe, expect, it } from 'vitest';
import { asked, beginOf, filterIn, searchOf, timeOfId } from './filter';

describe('what of the events is shown', () => {
  it('is in the address, and nothing else is taken from there', () => {
    const filter = { type: 'order_paid', since: '7d' };
    expect(filterIn(`${searchOf(filter)}&other=1&table=`)).toEqual(filter);
    expect(searchOf({ type: undefined })).toBe('');
  });
  it('days begin in the admin’s zone, also where the clocks change', () => {
    expect(beginOf('2026-11-24', 'UTC')).toBe('2026-11-24T00:00:00.000Z');
    expect(beginOf('2026-11-24', 'Asia/Tokyo')).toBe('2026-11-23T15:00:00.000Z');
    expect(beginOf('2026-03-29', 'Europe/Vienna')).toBe('2026-03-28T23:00:00.000Z');
    expect(beginOf('2026-03-30', 'Europe/Vienna')).toBe('2026-03-29T22:00:00.000Z');
  });
  it('the last day counts as a whole', () => {
    expect(asked({ since: '2026-11-23', until: '2026-11-23' }, 'UTC')).toEqual({
      since: '2026-11-23T00:00:00.000Z',
      until: '2026-11-24T00:00:00.000Z',
    });
    expect(asked({ since: '7d' }, 'UTC')).toEqual({ since: '7d' });
  });
  it('an id says when', () => {
    expect(timeOfId('019abcde-f012-7000-8000-000000000000')).toBe(new Date(0x019abcdef012).toISOString());
  });
});
