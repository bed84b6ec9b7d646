// The kinds of nodes, as the daemon tells them, and what a drawing's nodes are by them.
import { useQuery } from '@tanstack/react-query';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { type Role, words } from '@/graph/drawing';
import { configOf, dataOf, nodesOf, object, type Raw, text } from './model';

export interface FieldInfo {
  name: string;
  type: string;
  required: boolean;
}
export interface Given {
  subject: string;
  table: string;
  operations: string[];
  fields: FieldInfo[];
  open: boolean;
}
export type Schema = { readonly [key: string]: unknown };
export interface Kind {
  role: Role;
  name: string;
  label: string;
  docs: string;
  schema: Schema;
  flow?: Schema;
  retry_schema?: Schema;
  example: Raw;
  branches: string[];
  branches_from?: string;
  error_branch?: string;
  result: FieldInfo[];
  gives?: Given[];
}
export type Catalogue = ReadonlyMap<string, Kind>;

export const catalogueOf = (kinds: readonly Kind[]): Catalogue => new Map(kinds.map((kind) => [kind.name, kind]));

export function useCatalogue() {
  return useQuery({
    queryKey: keys.catalogue,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    queryFn: async () => catalogueOf((await get('/api/v1/catalogue')) as unknown as Kind[]),
  });
}

const KEYS = ['triggerType', 'conditionType', 'controlType', 'actionType'] as const;
const INERT = new Set(['', 'default', 'input', 'output', 'trigger', 'condition', 'control', 'action']);

/** The name of a node's kind, from the first place that has one; docs/workflows.md says which. */
export function kindName(node: Raw): string {
  const [data, config] = [dataOf(node), configOf(node)];
  for (const key of KEYS) if (text(data[key])) return text(data[key]);
  for (const key of KEYS) if (text(config[key])) return text(config[key]);
  for (const said of [node.type, data.type, data.kind]) if (!INERT.has(text(said))) return text(said);
  return '';
}

export const kindOf = (node: Raw, catalogue: Catalogue): Kind | undefined => catalogue.get(kindName(node));
export const labelOf = (node: Raw, catalogue: Catalogue): string =>
  text(dataOf(node).label) || kindOf(node, catalogue)?.label || words(kindName(node)) || text(node.id);
export const isTrigger = (node: Raw, catalogue: Catalogue) => kindOf(node, catalogue)?.role === 'trigger';

/** The fields of the trigger's rows that are money: they are shown as one writes money. */
export function moneyIn(drawing: unknown, catalogue: Catalogue): ReadonlySet<string> {
  const found = new Set<string>();
  for (const node of nodesOf(object(drawing))) {
    for (const given of kindOf(node, catalogue)?.gives ?? [])
      for (const field of given.fields) if (field.type === 'money') found.add(`${given.subject}.${field.name}`);
  }
  return found;
}

/** The branches that a node can be left by, without `error`; none: by one way that has no name. */
export function branchesOf(node: Raw, kind: Kind | undefined): string[] {
  if (!kind) return [];
  if (!kind.branches_from) return kind.branches;
  const named = configOf(node)[kind.branches_from];
  const names = (Array.isArray(named) ? named : []).map((one) => text(object(one).name)).filter(Boolean);
  return [...new Set(kind.branches_from === 'cases' ? [...names, 'default'] : names)];
}

/** What a new node begins with: only what it must have, as the kind's example has it. */
export function beginning(kind: Kind): Raw {
  if (kind.name === 'condition') return { combinator: 'and', rules: [] };
  const required = Array.isArray(kind.schema.required) ? kind.schema.required : [];
  return Object.fromEntries(
    required
      .map(String)
      .filter((key) => key in kind.example)
      .map((key) => [key, kind.example[key]]),
  );
}
