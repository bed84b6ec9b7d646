// Conditions: react-querybuilder's own form with our operators and the fields in scope, or one expression.
import { lazy, Suspense, useMemo } from 'react';
import { type Field, QueryBuilder, type RuleGroupType, type FullOperator } from 'react-querybuilder';
import { RuleValue } from './RuleValue';
import { useForm, type Part } from './SchemaForm';
import type { Named } from './scope';
import { object } from '../model';

const TextField = lazy(async () => ({ default: (await import('./TextField')).TextField }));

const OPERATORS: Record<string, string> = {
  '=': '=', '!=': '≠', '<': '<', '>': '>', '<=': '≤', '>=': '≥', contains: 'contains', beginsWith: 'begins with', endsWith: 'ends with', doesNotContain: 'does not contain',
  doesNotBeginWith: 'does not begin with', doesNotEndWith: 'does not end with', null: 'is not there', notNull: 'is there', in: 'is one of', notIn: 'is none of', between: 'is between', notBetween: 'is not between',
  matches: 'matches', isEmpty: 'is empty', within: 'is within', changed: 'changed', changedFrom: 'changed from', changedTo: 'changed to',
};
const ALWAYS = ['null', 'notNull', 'isEmpty', 'changed'];
const ORDERED = ['=', '!=', '<', '>', '<=', '>=', 'in', 'notIn', 'between', 'notBetween', ...ALWAYS, 'changedFrom', 'changedTo'];
const WORDS = ['contains', 'doesNotContain', 'beginsWith', 'doesNotBeginWith', 'endsWith', 'doesNotEndWith'];
/** As docs/conditions.md has it: what fits a field's type. */
const FITTING: Record<string, string[]> = {
  integer: ORDERED, number: ORDERED, money: ORDERED, time: [...ORDERED, 'within'],
  boolean: ['=', '!=', ...ALWAYS, 'changedFrom', 'changedTo'], list: ['contains', 'doesNotContain', ...ALWAYS],
  id: ['=', '!=', 'in', 'notIn', ...WORDS, 'matches', ...ALWAYS, 'changedFrom', 'changedTo'],
  text: [...ORDERED, ...WORDS, 'matches'], json: [...ORDERED, ...WORDS, 'matches', 'within'],
};
const NO_VALUE = new Set(ALWAYS);

export function operatorsFor(type: string): FullOperator[] {
  return (FITTING[type] ?? FITTING.json ?? []).map((name) => ({ name, value: name, label: OPERATORS[name] ?? name, ...(NO_VALUE.has(name) ? { arity: 'unary' as const } : {}) }));
}

const INPUTS: Record<string, string> = { integer: 'number', number: 'number', money: 'number' };

const fieldFor = ({ path, type }: Named): Field => ({
  name: path, value: path, label: `${path}  ·  ${type}`, inputType: INPUTS[type] ?? 'text', valueSources: ['value', 'field'],
  ...(type === 'boolean' ? { valueEditorType: 'checkbox' as const } : {}), ...(type === 'money' ? { isMoney: true } : {}),
});
const CLASSES = {
  queryBuilder: 'rqb', value: 'input', fields: 'input', operators: 'input', combinators: 'input', valueSource: 'input', addRule: 'text-button small', addGroup: 'text-button small',
  removeRule: 'close', removeGroup: 'close', notToggle: 'small quiet',
};
const SAID = {
  addRule: { label: 'Add a rule', title: 'Add a rule' }, addGroup: { label: 'Add a group', title: 'Add a group' },
  removeRule: { label: '×', title: 'Remove the rule' }, removeGroup: { label: '×', title: 'Remove the group' }, notToggle: { label: 'not', title: 'Turn it round' },
  fields: { title: 'Field' }, operators: { title: 'Operator' }, value: { title: 'Value' }, combinators: { title: 'All or any' }, valueSourceSelector: { title: 'A value, or another field' },
};
const COMBINATORS = [{ name: 'and', value: 'and', label: 'all of these' }, { name: 'or', value: 'or', label: 'one of these' }];
const CONTROLS = { valueEditor: RuleValue };

/** What was read is kept but for what react-querybuilder adds for itself. */
function bare(query: unknown): unknown {
  if (Array.isArray(query)) return query.map(bare);
  if (!query || typeof query !== 'object') return query;
  const { id: _id, path: _path, ...rest } = query as Record<string, unknown>;
  if (rest.valueSource === 'value') delete rest.valueSource;
  if ('operator' in rest && NO_VALUE.has(String(rest.operator))) delete rest.value;
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, key === 'rules' ? bare(value) : value]));
}

export default function Rules({ part }: { part: Part }) {
  const { scope } = useForm();
  const value = object(part.value);
  const isExpression = 'expression' in value;
  const types = useMemo(() => new Map(scope.map((one) => [one.path, one.type])), [scope]);
  const fields = useMemo(() => scope.map(fieldFor), [scope]);
  const query = { combinator: 'and', ...value, rules: Array.isArray(value.rules) ? value.rules : [] } as unknown as RuleGroupType;
  const strange = useMemo(() => strangeFields(query, types), [query, types]);
  const all = useMemo(() => [...fields, ...strange.map((name): Field => ({ name, value: name, label: name }))], [fields, strange]);
  const isSet = part.value !== undefined && part.value !== null;
  if (!isSet) return <button type="button" className="text-button small" onClick={() => part.set({ combinator: 'and', rules: [] })}>Add a condition</button>;
  return (
    <div className="rules">
      <div className="row">
        <div className="tabs" role="group" aria-label="How it is said">
          <button type="button" aria-pressed={!isExpression} onClick={() => isExpression && part.set({ combinator: 'and', rules: [] })}>Rules</button>
          <button type="button" aria-pressed={isExpression} onClick={() => !isExpression && part.set({ expression: '' })}>Expression</button>
        </div>
        {part.path !== '' && <button type="button" className="text-button small" onClick={() => part.set(undefined)}>Remove</button>}
      </div>
      {isExpression ? (
        <Suspense fallback={null}><TextField mode="expression" content="expression" part={{ ...part, label: 'Expression', value: value.expression, path: `${part.path}/expression`, set: (next) => part.set({ expression: next ?? '' }) }} /></Suspense>
      ) : (
        <QueryBuilder
          fields={all} query={query} onQueryChange={(next) => { const kept = bare(next); if (JSON.stringify(kept) !== JSON.stringify(bare(query))) part.set(kept); }}
          getOperators={(field) => operatorsFor(types.get(field) ?? 'json')} resetOnFieldChange={false} listsAsArrays autoSelectField={false} getDefaultField={all[0]?.name ?? ''} showNotToggle
          controlClassnames={CLASSES} controlElements={CONTROLS} translations={SAID} combinators={COMBINATORS} parseNumbers="strict-limited"
        />
      )}
    </div>
  );
}

/** Fields that rules name and the scope has not: shown all the same, for the compiler says what is wrong with them. */
function strangeFields(query: RuleGroupType, types: Map<string, string>): string[] {
  const found = new Set<string>();
  const visit = (one: unknown) => {
    const rule = object(one);
    if (Array.isArray(rule.rules)) rule.rules.forEach(visit);
    else if (typeof rule.field === 'string' && !types.has(rule.field)) found.add(rule.field);
  };
  visit(query);
  return [...found];
}
