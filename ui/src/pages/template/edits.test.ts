import { describe, expect, it } from 'vitest';
import { Problem } from '@/api/problem';
import { placed } from '@/parts/Code';
import { valuesIn } from './Preview';
import { bodyOf, differing, type Edit, faultIn, useKept } from './edits';

const edit: Edit = { name: 'Welcome', subject: 'Hi', html: '', text: 'Hello', consent: 'marketing', is_active: true, tracks: true };

describe('an edit of a template', () => {
  it('an empty part is none', () => {
    expect(bodyOf({ ...edit, html: '  \n' })).toMatchObject({ html: null, text: 'Hello' });
  });
  it('says in what it differs', () => {
    expect(differing(edit, { ...edit, subject: 'Ho', tracks: false })).toEqual(['subject', 'tracks']);
  });
  it('values are an object, or it is said what is wrong', () => {
    expect(valuesIn('{"code": "A1"}')).toEqual({ code: 'A1' });
    expect(valuesIn('  ')).toEqual({});
    for (const wrong of ['[1]', '{', '3']) expect(valuesIn(wrong)).toBeInstanceOf(Problem);
  });
  it('is kept until it is dropped', () => {
    useKept.getState().keep('a', { edition: '1', edit, at: '2026-11-24T00:00:00Z' });
    expect(JSON.parse(localStorage.getItem('thendo.templates') ?? '{}').state.kept.a.edit.subject).toBe('Hi');
    useKept.getState().drop('a');
    expect(useKept.getState().kept).toEqual({});
  });
  it('a fault is at its part, and underlined where it is', () => {
    const said =
      "the text of the template `Welcome`: `order.totl` is undefined; mend it in `email_templates`, or give it to the node's `values`";
    const found = faultIn(new Problem(422, { detail: said }));
    expect(found).toEqual({ part: 'text', fault: { message: '“order.totl” is not known here', about: 'order.totl' } });
    expect(placed({ message: 'x', about: 'order.totl' }, 'a {{ order.totl }}')).toMatchObject([{ from: 5, to: 15 }]);
    expect(placed({ message: 'x' }, 'abc')).toEqual([]);
    expect(faultIn(new Problem(422, { detail: "the html can't be read: unexpected end" }))?.part).toBe('html');
    expect(faultIn(new Problem(500, { detail: 'other' }))).toBeUndefined();
  });
});
