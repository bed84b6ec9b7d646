// A JSON Schema of the catalogue, as a form asks for it: references followed, "or nothing" left out.
import { words } from '@/graph/drawing';
import type { Schema } from '../catalogue';

export type Form =
  | { form: 'template'; content: string; wants: string | undefined }
  | { form: 'expression' | 'span' | 'text' | 'boolean' | 'any' | 'rules' }
  | { form: 'number'; least: number | undefined; most: number | undefined }
  | { form: 'choice'; options: { value: unknown; about: string }[] }
  | { form: 'list' | 'map'; items: Schema }
  | { form: 'object'; fields: Field[] }
  | { form: 'either'; ways: { name: string; schema: Schema }[] };
export interface Field { name: string; schema: Schema; isRequired: boolean }

const list = (value: unknown): Schema[] => (Array.isArray(value) ? value : []);
const named = (value: unknown) => (typeof value === 'string' ? value : undefined);
const isNull = (schema: Schema) => schema.type === 'null';

/** The schema itself: references followed, alternatives that are nothing left out, its own words before those of what it refers to. */
export function settled(schema: Schema, root: Schema): Schema {
  let next = schema;
  for (let depth = 0; depth < 10; depth += 1) {
    const ref = named(next.$ref);
    if (ref) {
      const target = ref.split('/').slice(1).reduce<unknown>((at, part) => (at as Schema | undefined)?.[part], root) as Schema | undefined;
      const { $ref: _ref, ...own } = next;
      next = { ...(target ?? {}), ...own };
      continue;
    }
    const many = (['anyOf', 'oneOf'] as const).find((key) => Array.isArray(next[key]));
    const left = many ? list(next[many]).filter((one) => !isNull(one)) : [];
    if (many && left.length === 1) {
      const { [many]: _many, ...own } = next;
      next = { ...left[0], ...own };
      continue;
    }
    if (Array.isArray(next.type)) {
      const types = next.type.filter((one) => one !== 'null');
      next = { ...next, type: types.length === 1 ? types[0] : types };
    }
    return next;
  }
  return next;
}

/** Rules of react-querybuilder's, or an expression instead. */
function isRules(schema: Schema, name: string, root: Schema): boolean {
  const has = (one: Schema) => {
    const fields = settled(one, root).properties as Schema | undefined;
    return fields !== undefined && 'rules' in fields;
  };
  return has(schema) || [...list(schema.anyOf), ...list(schema.oneOf)].some(has) || name === 'when' || name === 'match';
}

export function formOf(given: Schema, root: Schema, name = ''): Form {
  const schema = settled(given, root);
  if (isRules(schema, name, root)) return { form: 'rules' };
  const ways = [...list(schema.anyOf), ...list(schema.oneOf)].filter((one) => !isNull(one));
  if (ways.length > 0) {
    if (ways.every((one) => 'const' in settled(one, root))) return { form: 'choice', options: ways.map((one) => ({ value: settled(one, root).const, about: named(one.description) ?? '' })) };
    const template = ways.map((one) => settled(one, root)).find((one) => one.format === 'template');
    // A number, or a template that gives one: a template's field takes both.
    if (template && ways.every((one) => ['string', 'integer', 'number'].includes(String(settled(one, root).type)))) return formOf(template, root);
    return { form: 'either', ways: ways.map((one, at) => ({ schema: one, name: nameOf(settled(one, root), at) })) };
  }
  if (Array.isArray(schema.enum)) return { form: 'choice', options: schema.enum.filter((value) => value !== null).map((value) => ({ value, about: '' })) };
  if (schema.format === 'template') return { form: 'template', content: named(schema['x-content']) ?? 'text', wants: named(schema['x-wants']) };
  if (schema.format === 'expression') return { form: 'expression' };
  if (schema.format === 'span') return { form: 'span' };
  switch (schema.type) {
    case 'string': return { form: 'text' };
    case 'boolean': return { form: 'boolean' };
    case 'integer': case 'number': return { form: 'number', least: schema.minimum as number | undefined, most: schema.maximum as number | undefined };
    case 'array': return { form: 'list', items: (typeof schema.items === 'object' ? schema.items : {}) as Schema };
    case 'object': {
      if (!schema.properties && schema.additionalProperties) return { form: 'map', items: (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}) as Schema };
      return { form: 'object', fields: fieldsOf(schema) };
    }
    default: return { form: 'any' };
  }
}

function nameOf(schema: Schema, at: number): string {
  if (schema.type === 'array') return 'Several';
  const fields = Object.keys((schema.properties ?? {}) as object);
  return named(schema.title) ?? (fields.length > 0 ? words(fields[0] ?? '') : schema.enum || schema.type === 'string' ? 'One' : `Way ${at + 1}`);
}

/** The fields of an object: those that must be there first. */
export function fieldsOf(schema: Schema): Field[] {
  const required = new Set(Array.isArray(schema.required) ? schema.required.map(String) : []);
  const all = Object.entries((schema.properties ?? {}) as Record<string, Schema>).map(([name, one]) => ({ name, schema: one, isRequired: required.has(name) }));
  return [...all.filter((one) => one.isRequired), ...all.filter((one) => !one.isRequired)];
}

/** What a value begins with that is added. */
export function blank(schema: Schema, root: Schema): unknown {
  const form = formOf(schema, root);
  switch (form.form) {
    case 'object': return Object.fromEntries(form.fields.filter((field) => field.isRequired).map((field) => [field.name, blank(field.schema, root)]));
    case 'number': return form.least ?? 0;
    case 'boolean': return false;
    case 'choice': return form.options[0]?.value ?? '';
    case 'list': return [];
    case 'map': return {};
    case 'rules': return { combinator: 'and', rules: [] };
    case 'either': return form.ways[0] ? blank(form.ways[0].schema, root) : '';
    default: return '';
  }
}
