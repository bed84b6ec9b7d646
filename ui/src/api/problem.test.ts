import { describe, expect, it } from 'vitest';
import { Problem, problemOf } from './problem';

describe('problems', () => {
  it('keeps what the daemon said', () => {
    const told = {
      title: 'Not valid',
      detail: 'it is faulty',
      code: 'faulty-workflow',
      help: 'mend it',
      diagnostics: [{ severity: 'error' as const, code: 'x', message: 'no', node: 'big' }],
    };
    const problem = problemOf(told, 422);
    expect(problem).toMatchObject({ status: 422, code: 'faulty-workflow', help: 'mend it', message: 'it is faulty' });
    expect(problem.diagnostics[0]?.node).toBe('big');
    expect(problem.isPassing).toBe(false);
  });
  it('says so where nobody answers, and that trying again may help', () => {
    expect(problemOf(new TypeError('Failed to fetch'))).toMatchObject({ status: 0, code: 'no-answer', isPassing: true });
    expect(problemOf('<html>', 502)).toMatchObject({ status: 502, isPassing: true });
  });
  it('leaves problems as they are', () => {
    const one = new Problem(404, { code: 'no-such-workflow' });
    expect(problemOf(one)).toBe(one);
  });
});
