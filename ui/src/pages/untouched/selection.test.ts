import { describe, expect, it } from 'vitest';
import { fateOf, NOTHING, toggled } from './selection';

const order = ['a', 'b', 'c', 'd'];

describe('a selection', () => {
  it('is one by one, and with shift from one to another, either way', () => {
    const one = toggled(NOTHING, order, 'c', false);
    expect([...one.ids]).toEqual(['c']);
    expect([...toggled(one, order, 'a', true).ids].sort()).toEqual(['a', 'b', 'c']);
    const all = toggled(one, order, 'd', true);
    expect([...toggled(all, order, 'c', true).ids]).toEqual([]);
  });
  it('that was all is what is shown without the one', () => {
    const rest = toggled({ ...NOTHING, isWhole: true }, order, 'b', false);
    expect([[...rest.ids], rest.isWhole]).toEqual([['a', 'c', 'd'], false]);
  });
  it('what became of one is told by what has failed since', () => {
    const tried = { id: 'a', root: 'r', attempt: 1, reason: 'x' };
    expect(fateOf(tried, []).status).toBe('succeeded');
    expect(fateOf(tried, [tried]).status).toBe('refused');
    expect(fateOf(tried, [{ id: 'z', root: 'r', attempt: 2, reason: 'no mail' }])).toEqual({
      status: 'failed',
      says: 'failed again: no mail',
      id: 'z',
    });
  });
});
