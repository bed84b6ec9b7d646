// What is drawn, whoever's editor drew it: nodes with their kind and one line of what they are set to, edges with their branch.

export type Role = 'trigger' | 'condition' | 'control' | 'action' | 'note';
export interface DrawnNode {
  id: string;
  role: Role;
  kind: string;
  label: string;
  line: string;
  x: number;
  y: number;
  config: Record<string, unknown>;
}
export interface DrawnEdge {
  id: string;
  source: string;
  target: string;
  branch: string | null;
}
export interface Drawing {
  nodes: DrawnNode[];
  edges: DrawnEdge[];
}

export const NODE = { width: 240, height: 76 };

const KIND_IN: [string, Role][] = [
  ['triggerType', 'trigger'],
  ['conditionType', 'condition'],
  ['controlType', 'control'],
  ['actionType', 'action'],
];
const object = (value: unknown): Record<string, unknown> => (value && typeof value === 'object' ? (value as Record<string, unknown>) : {});
const text = (value: unknown) => (typeof value === 'string' ? value : '');
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** "send_email" as words: "Send email". */
export const words = (name: string) => {
  // What has a capital is written for people already.
  if (/^[A-Z]/.test(name)) return name;
  const spaced = name.replaceAll(/[_-]+/g, ' ').trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};

/** Reads a drawing; what can't be read is left out, for the compiler says so elsewhere. Fields of `money` are in minor units. */
export function readDrawing(definition: unknown, money?: ReadonlySet<string>): Drawing {
  const drawn = object(definition);
  const nodes = list(drawn.nodes)
    .map(object)
    .filter((node) => text(node.id))
    .map((node): DrawnNode => {
      const data = object(node.data);
      const config = object(data.config);
      const found = KIND_IN.find(([key]) => text(data[key]));
      const type = text(node.type);
      const kind = found ? text(data[found[0]]) : text(data.kind) || type;
      const role = found?.[1] ?? (['trigger', 'condition', 'control', 'action'].includes(type) ? (type as Role) : 'note');
      const place = object(node.position);
      return {
        id: text(node.id),
        role,
        kind,
        config,
        label: text(data.label) || words(kind),
        line: summary(config, money),
        x: Number(place.x) || 0,
        y: Number(place.y) || 0,
      };
    });
  const known = new Set(nodes.map((node) => node.id));
  const edges = list(drawn.edges)
    .map(object)
    .filter((edge) => known.has(text(edge.source)) && known.has(text(edge.target)))
    .map((edge, at): DrawnEdge => ({
      id: text(edge.id) || `edge-${at}`,
      source: text(edge.source),
      target: text(edge.target),
      branch: text(edge.sourceHandle) || text(object(edge.data).branch) || text(edge.label) || null,
    }));
  return { nodes, edges };
}

const SAID_FIRST = [
  'subject',
  'template',
  'points',
  'percent',
  'for',
  'until',
  'url',
  'table',
  'tag',
  'status',
  'expression',
  'cron',
  'question',
  'event',
  'path',
];
const SHOWN = /\{\{\s*([\w.]+)[^}]*\}\}/g;

/** What a node is set to, in a line: "order.total ≥ 10000", "Thank you, customer.name". */
export function summary(config: Record<string, unknown>, money?: ReadonlySet<string>): string {
  const rules = list(config.rules)
    .map(object)
    .filter((rule) => text(rule.field));
  if (rules.length > 0) {
    const sign: Record<string, string> = { '>=': '≥', '<=': '≤', '!=': '≠' };
    const value = (rule: Record<string, unknown>) =>
      rule.value === undefined
        ? ''
        : typeof rule.value === 'number' && money?.has(text(rule.field))
          ? (rule.value / 100).toFixed(2)
          : String(rule.value);
    const said = rules.map((rule) => `${text(rule.field)} ${sign[text(rule.operator)] ?? text(rule.operator)} ${value(rule)}`.trim());
    return said.join(` ${text(config.combinator) || 'and'} `);
  }
  for (const key of [...SAID_FIRST, ...Object.keys(config)]) {
    const value = config[key];
    if (typeof value === 'number') return key === 'percent' ? `${value} %` : `${key.replaceAll('_', ' ')} ${value}`;
    if (text(value)) return text(value).replaceAll(SHOWN, '$1').slice(0, 90);
  }
  return '';
}
