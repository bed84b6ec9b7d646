import { describe, expect, it } from 'vitest';
import { isWithin, meant } from './TextField';
import { major, minor } from './RuleValue';
import { operatorsFor } from './Rules';

describe('the inspector', () => {
  it('shows money as one writes it, and keeps minor units', () => {
    expect([10_000, 9950, -5, 'x', undefined].map(major)).toEqual(['100.00', '99.50', '-0.05', 'x', '']);
    expect(['100', '99.5', '99,50', '-1', '10.', '1e3', ''].map(minor)).toEqual([10_000, 9950, 9950, -100, 1000, '1e3', '']);
  });

  it('underlines what a diagnostic is about', () => {
    expect(meant('`order` has no field `totl`')).toBe('order.totl');
    expect(meant('`steps.points` has no field `balnce`')).toBe('steps.points.balnce');
    expect(meant('there is no `ordr` here')).toBe('ordr');
    expect(meant('unexpected end of input')).toBe('');
  });

  it('completes between braces only', () => {
    expect(isWithin('Dear {{ customer.', 'template')).toBe(true);
    expect(isWithin('Dear {{ customer.name }}, ', 'template')).toBe(false);
    expect(isWithin('order.', 'expression')).toBe(true);
  });

  it('offers the operators that fit a type', () => {
    const names = (type: string) => operatorsFor(type).map((one) => one.name);
    expect(names('boolean')).not.toContain('<');
    expect(names('money')).toContain('between');
    expect(names('time')).toContain('within');
  });
});
