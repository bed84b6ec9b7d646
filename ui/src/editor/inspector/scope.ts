// What a setting of a node can name: the event, its subject, the customer, results of what comes before, variables; each with its type.
import { type Catalogue, isTrigger, kindName, kindOf, labelOf } from '../catalogue';
import { before } from '../connecting';
import { configOf, type Definition, idOf, nodeOf, nodesOf, object } from '../model';

export interface Named { path: string; type: string; about: string }

const EVENT: Named[] = [
  { path: 'event.id', type: 'id', about: 'The event' }, { path: 'event.type', type: 'text', about: 'What happened' }, { path: 'event.at', type: 'time', about: 'When' },
];

/** `steps.points`, or `steps["node-1"]` where the id is no name. */
export const stepPath = (id: string) => (/^[A-Za-z_]\w*$/.test(id) ? `steps.${id}` : `steps["${id}"]`);

export function scopeOf(drawing: Definition, catalogue: Catalogue, id: string): Named[] {
  const found: Named[] = [];
  const trigger = nodesOf(drawing).find((node) => isTrigger(node, catalogue));
  const kind = trigger && kindOf(trigger, catalogue);
  const subjects = kind?.gives ?? [];
  const met = new Set<string>();
  let hasCustomer = false;
  for (const given of subjects) {
    for (const field of given.fields) {
      const path = `${given.subject}.${field.name}`;
      if (field.name === 'customer_id' || given.subject === 'customer') hasCustomer = true;
      if (met.has(path)) continue;
      met.add(path);
      found.push({ path, type: field.type, about: '' });
    }
  }
  if (hasCustomer) {
    for (const field of catalogue.get('customer_created')?.gives?.[0]?.fields ?? []) {
      if (!met.has(`customer.${field.name}`)) found.push({ path: `customer.${field.name}`, type: field.type, about: '' });
    }
  }
  if (id === (trigger && idOf(trigger))) return found;
  const earlier = before(drawing, id);
  for (const node of nodesOf(drawing)) {
    if (!earlier.has(idOf(node))) continue;
    for (const field of kindOf(node, catalogue)?.result ?? []) found.push({ path: `${stepPath(idOf(node))}.${field.name}`, type: field.type, about: labelOf(node, catalogue) });
    if (kindName(node) === 'set') for (const name of Object.keys(object(configOf(node).vars))) found.push({ path: `vars.${name}`, type: 'json', about: labelOf(node, catalogue) });
    if (kindName(node) === 'for_each') found.push({ path: 'item', type: 'json', about: labelOf(node, catalogue) }, { path: 'index', type: 'integer', about: labelOf(node, catalogue) });
  }
  const changes = subjects.some((given) => given.operations.includes('update'));
  if (changes) for (const given of subjects.slice(0, 1)) for (const field of given.fields) found.push({ path: `old.${field.name}`, type: field.type, about: 'Its former value' });
  return [...found, ...EVENT, { path: 'now', type: 'time', about: 'The moment at which the node takes its turn' }];
}

/** What can be tried out of a node: its way from the trigger, with the branches to take. */
export function wayTo(drawing: Definition, id: string): { nodes: Set<string>; exists: boolean } {
  const nodes = before(drawing, id);
  return { nodes, exists: nodeOf(drawing, id) !== undefined };
}

export const FILTERS: [string, string][] = [
  ['money', 'minor units with their decimals'], ['date', 'a time as a day'], ['time', 'a time as a clock has it'], ['plus', 'so long after'], ['minus', 'so long before'],
  ['default', 'in place of what is missing'], ['upper', ''], ['lower', ''], ['title', ''], ['capitalize', ''], ['trim', ''], ['truncate', 'at most so many letters'], ['round', ''], ['percent', 'a share'],
  ['pluralize', 'the word for a number'], ['slug', 'a part of an address'], ['url', 'an address for a link'], ['urlencode', 'a part of an address'], ['tojson', 'as JSON'], ['escape', 'for HTML'], ['replace', ''],
  ['length', ''], ['first', ''], ['last', ''], ['join', ''], ['sort', ''], ['unique', ''], ['map', ''], ['sum', ''], ['int', ''], ['float', ''], ['string', ''], ['abs', ''], ['min', ''], ['max', ''], ['split', ''],
];
