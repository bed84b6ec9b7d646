// What react-querybuilder's own JsonLogic export, run by json-logic-js, says of a few thousand rules.
// Writes tests/fixtures/json-logic.json, the same each time: `npm ci && npm run generate`.
import { readFileSync, writeFileSync } from 'node:fs';
import { formatQuery, jsonLogicAdditionalOperators } from '@react-querybuilder/core';
import jsonLogic from 'json-logic-js';

for (const [name, run] of Object.entries(jsonLogicAdditionalOperators)) jsonLogic.add_operation(name, run);

// Rows: each value of each field once, then nothing at all.
const values = {
  text: ['new', 'New', 'paid', '', 'a gift', '9', '10', 'ä', 'a,b', null],
  id: ['0190a6b2-0000-7000-8000-00000000000a', 'x1', null],
  integer: [0, 1, 2, 99, 100, 101, -5, '100', 'abc', null],
  number: [0, 0.1, 99.5, 100, 1e9, '100', '', null],
  money: [0, 1, 9999, 10000, 10001, '10000', null],
  boolean: [true, false, 'true', null],
  time: ['2026-11-21T23:59:59+00:00', '2026-11-22T00:00:00+00:00', '2026-11-22T10:00:00+00:00',
    '2026-11-22T11:00:00+01:00', '2026-11-23T00:00:00+00:00', null],
  list: [[], ['a'], ['a', 'b'], ['b', 'b', 'c'], ['ab', null], [1], null],
  json: ['new', '10', 10, 0, true, [], ['new'], [10, '7'], { a: 1 }, null,
    [{ qty: 1, sku: 'x' }, { qty: 3, sku: 'y', max: 2 }], [{ qty: 2, max: 2 }, { sku: 'x' }, { qty: null }]],
};
const rows = Object.entries(values).flatMap(([field, all]) => all.map((value) => ({ [field]: value })));
rows.push({});

const operands = {
  text: ['new', 'n', '', '9', 9, 'paid', 'ä'],
  id: ['0190a6b2-0000-7000-8000-00000000000a', '0190', 'x1'],
  integer: [100, '100', 0, -5, 'abc', 1.5],
  number: [100, '99.5', 0.1, 0],
  money: [10000, '10000', 0, '100.00'],
  boolean: [true, false, 'true'],
  time: ['2026-11-22', '2026-11-22T10:00:00+00:00', '2026-11-22T10:00'],
  list: ['a', 'b', '1'],
  json: ['new', 10, '10', true, 0],
};
const lists = {
  text: [['new', 'paid'], 'new, paid', 'a\\,b', [' new '], ['9', '10'], []],
  id: [['x1', '0190a6b2-0000-7000-8000-00000000000a'], 'x1'],
  integer: [[1, 100], '1,100', [100, 1], [], ['1', 'x']],
  number: [[0.1, 100], '99,100', [100, 0]],
  money: [[0, 10000], '10001,1'],
  boolean: [[true, false]],
  time: [['2026-11-22', '2026-11-23'], ['2026-11-22T10:00:00+00:00', '2026-11-21T00:00:00+00:00']],
  list: [['a', 'b'], 'a, b'],
  json: [['new', 'x'], [10, '7'], '0, 10', [10, 0]],
};
const one = ['=', '!=', '<', '>', '<=', '>=', 'contains', 'beginsWith', 'endsWith', 'doesNotContain',
  'doesNotBeginWith', 'doesNotEndWith'];
const many = ['in', 'notIn', 'between', 'notBetween'];

// Rules: every operator on every field with every operand.
const rules = [];
for (const field of Object.keys(values)) {
  const name = `row.${field}`;
  for (const operator of ['null', 'notNull']) rules.push({ field: name, operator, value: null });
  for (const operator of one) for (const value of operands[field]) rules.push({ field: name, operator, value });
  for (const operator of many) for (const value of lists[field]) rules.push({ field: name, operator, value });
}
for (const [a, b] of [['integer', 'money'], ['integer', 'number'], ['text', 'id'], ['json', 'text'], ['time', 'text']])
  for (const operator of one)
    rules.push({ field: `row.${a}`, operator, value: `row.${b}`, valueSource: 'field' });
const modes = [['all'], ['some'], ['none'], ['atLeast', 1], ['atLeast', 2], ['atLeast', 0.5], ['atMost', 0],
  ['atMost', 1], ['atMost', 0.5], ['exactly', 0], ['exactly', 1], ['exactly', 2], ['exactly', 0.5]];
const group = (rules, more) => ({ combinator: 'and', ...more, rules });
const elements = {
  list: [
    group([{ field: '', operator: '=', value: 'a' }]),
    group([{ field: '', operator: '=', value: 'a' }], { not: true }),
    group([{ field: '', operator: 'beginsWith', value: 'a' }, { field: '', operator: '=', value: 'b' }], { combinator: 'or' }),
    group([{ field: '', operator: 'in', value: 'a, c' }, { field: '', operator: '!=', value: 'c' }], { not: true }),
    group([]),
  ],
  json: [
    group([{ field: 'qty', operator: '>', value: 1 }]),
    group([{ field: 'qty', operator: '>=', value: 'max', valueSource: 'field' }]),
    group([{ field: 'sku', operator: 'notNull', value: null }, { field: 'qty', operator: 'between', value: [3, 1] }]),
    group([group([{ field: 'sku', operator: '=', value: 'x' }, { field: 'qty', operator: '<', value: 3 }], { combinator: 'or' })]),
    group([{ field: '', operator: '=', value: 10 }]),
  ],
};
for (const [field, groups] of Object.entries(elements))
  for (const [mode, threshold] of modes)
    for (const value of groups)
      rules.push({ field: `row.${field}`, operator: '=', match: { mode, threshold }, value });

// Groups: a fixed generator of numbers puts together rules that make sense.
const fits = ({ field, operator, value, valueSource, match }) => {
  const of = field.slice(4);
  if (['abc', 1.5, '100.00', 'time'].includes(value) || (valueSource && of === 'time')) return false;
  if (Array.isArray(value) && value.includes('x') && of === 'integer') return false;
  if (match || /null/i.test(operator)) return true;
  if (/=$/.test(operator) && !/[<>]/.test(operator)) return of !== 'list';
  if (/with$/i.test(operator)) return ['text', 'id', 'json'].includes(of);
  if (/contain/i.test(operator)) return ['text', 'id', 'json', 'list'].includes(of);
  if (/in$/i.test(operator)) return !['boolean', 'list'].includes(of);
  return !['id', 'boolean', 'list'].includes(of) && !(Array.isArray(value) && value.length < 2) && value !== 'a\\,b';
};
const pool = rules.flatMap((rule, at) => (fits(rule) ? [at] : []));
let seed = 20261122;
const below = (most) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * most);
};
const nest = (depth) => {
  const count = below(4);
  const inner = Array.from({ length: count }, () => (depth > 0 && below(3) === 0 ? nest(depth - 1) : pool[below(pool.length)]));
  return { c: below(2) ? 'and' : 'or', not: below(4) === 0, muted: below(12) === 0, of: inner };
};
const groups = Array.from({ length: 400 }, () => nest(2));
const expand = (tree) =>
  typeof tree === 'number'
    ? rules[tree]
    : { combinator: tree.c, not: tree.not, muted: tree.muted, rules: tree.of.map(expand) };
// Groups are asked about whole rows.
const whole = Array.from({ length: 12 }, () =>
  Object.fromEntries(Object.entries(values).map(([field, all]) => [field, all[below(all.length)]])));

const fields = Object.keys(values).map((name) => ({
  name: `row.${name}`,
  label: name,
  inputType: ['integer', 'number', 'money'].includes(name) ? 'number' : 'text',
}));
const says = (query, row) => {
  const logic = formatQuery(query, { format: 'jsonlogic', fields, parseNumbers: 'strict-limited' });
  return jsonLogic.truthy(jsonLogic.apply(logic, { row })) ? '1' : '0';
};
const about = (rule) => rows.map((row, at) => [row, at]).filter(([row]) => {
  const asked = [rule.field, rule.valueSource === 'field' && rule.value].filter(Boolean).map((name) => name.slice(4));
  return Object.keys(row).length === 0 || asked.some((name) => name in row);
});
const pairs = (rule) => {
  if (rule.valueSource !== 'field') return null;
  const [a, b] = [rule.field.slice(4), rule.value.slice(4)];
  return values[a].flatMap((left) => values[b].map((right) => ({ [a]: left, [b]: right })));
};
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
const fixture = {
  by: Object.fromEntries(['@react-querybuilder/core', 'json-logic-js'].map((name) => [name, version(name)])),
  rows,
  whole,
  // A rule, the rows it was asked about (or pairs of values), and the answers as digits.
  rules: rules.map((rule) => {
    const asked = pairs(rule);
    const data = asked ?? about(rule).map(([row]) => row);
    return { rule, rows: asked ?? about(rule).map(([, at]) => at), says: data.map((row) => says(group([rule]), row)).join('') };
  }),
  groups: groups.map((tree) => ({ tree, says: whole.map((row) => says(expand(tree), row)).join('') })),
};
const lines = (all) => `[\n${all.map((item) => JSON.stringify(item)).join(',\n')}\n]`;
const text = `{"by":${JSON.stringify(fixture.by)},\n"rows":${lines(rows)},\n"whole":${lines(whole)},\n"rules":${lines(fixture.rules)},\n"groups":${lines(fixture.groups)}}\n`;
writeFileSync(new URL('../../tests/fixtures/json-logic.json', import.meta.url), text);
const count = (all) => all.reduce((sum, { says }) => sum + says.length, 0);
console.log(`${rules.length} rules, ${groups.length} groups, ${count(fixture.rules) + count(fixture.groups)} cases, ${text.length} bytes`);
