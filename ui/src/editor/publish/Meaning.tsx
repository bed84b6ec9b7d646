// A difference between two drawings by what it means: node by node, way by way.
import type { Schemas } from '@/api/client';
import { words } from '@/graph/drawing';
import { type Catalogue, labelOf, moneyIn } from '../catalogue';
import { configOf, type Definition, nodeOf, object, type Raw, text } from '../model';
import { useDrawing } from '../state';

export type Diff = Pick<Schemas['WorkflowDiff'], 'nodes' | 'edges' | 'captions'>;
interface FieldChange {
  path: string;
  from?: unknown;
  to?: unknown;
}

const said = (value: unknown) =>
  value === undefined || value === null ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);
const fieldName = (path: string) =>
  words(
    path
      .replace(/^config\.?/, '')
      .replaceAll('.', ' ')
      .replace(/\[(\d+)\]/g, (_, at: string) => ` ${Number(at) + 1}`),
  ) || 'Settings';

/** The field of the rule that a path leads into: `config.rules[0].value` is told by it. */
function ruleAt(drawing: Definition, id: string, path: string): string | undefined {
  const node = nodeOf(drawing, id);
  const steps = /^config\.(.*rules\[\d+\])\.value$/
    .exec(path)?.[1]
    ?.split(/[.[\]]+/)
    .filter(Boolean);
  if (!node || !steps) return undefined;
  const rule = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], configOf(node));
  return text(object(rule).field) || undefined;
}

function Field({
  change,
  isNew,
  rule,
  money,
}: {
  change: FieldChange;
  isNew: boolean;
  rule: string | undefined;
  money: ReadonlySet<string>;
}) {
  const told = (value: unknown) => (rule && money.has(rule) && typeof value === 'number' ? (value / 100).toFixed(2) : said(value));
  return (
    <div>
      <dt>{rule ?? fieldName(change.path)}</dt>
      <dd>
        {!isNew && (
          <>
            <del>{told(change.from)}</del> →{' '}
          </>
        )}
        <ins>{told(change.to)}</ins>
      </dd>
    </div>
  );
}

function Sign({ change }: { change: string }) {
  return (
    <span className="meaning-mark" aria-hidden="true">
      {change === 'added' ? '+' : change === 'removed' ? '−' : '~'}
    </span>
  );
}

export function Meaning({ diff, catalogue }: { diff: Diff; catalogue: Catalogue }) {
  const drawing = useDrawing();
  const named = (id: string) => {
    const node = nodeOf(drawing, id);
    return node ? labelOf(node, catalogue) : id;
  };
  const money = moneyIn(drawing, catalogue);
  const ways = diff.edges as unknown as Raw[];
  const way = (edge: unknown) => {
    const one = object(edge);
    return `${named(text(one.source))} → ${named(text(one.target))}${one.branch ? ` by ${text(one.branch)}` : ''}`;
  };
  if (diff.nodes.length + diff.edges.length + diff.captions.length === 0) return <p className="quiet">Nothing that it does.</p>;
  return (
    <ul className="meaning">
      {(diff.nodes as unknown as Raw[]).map((one) => (
        <li key={text(one.node)} className={`is-${text(one.change)}`}>
          <Sign change={text(one.change)} />
          <div className="grow">
            <strong>{named(text(one.node))}</strong>{' '}
            <span className="quiet small">
              {text(one.change)}
              {one.kind ? `, ${words(text(one.kind)).toLowerCase()}` : ''}
            </span>
            {one.change !== 'removed' && (
              <dl>
                {(Array.isArray(one.fields) ? (one.fields as FieldChange[]) : []).map((field) => (
                  <Field
                    key={field.path}
                    change={field}
                    isNew={one.change === 'added'}
                    rule={ruleAt(drawing, text(one.node), field.path)}
                    money={money}
                  />
                ))}
              </dl>
            )}
          </div>
        </li>
      ))}
      {ways.map((one, at) => (
        <li key={at} className={`is-${text(one.change)}`}>
          <Sign change={text(one.change)} />
          <span className="grow">
            {one.change === 'rerouted' ? (
              <>
                <del>{way(one.from)}</del> <ins>{way(one.to)}</ins>
              </>
            ) : (
              way(one.edge)
            )}{' '}
            <span className="quiet small">way {text(one.change)}</span>
          </span>
        </li>
      ))}
      {diff.captions.map((one) => (
        <li key={`caption-${one.node}`}>
          <Sign change="changed" />
          <span className="grow">
            Name: <del>{one.from ?? 'none'}</del> → <ins>{one.to ?? 'none'}</ins>
          </span>
        </li>
      ))}
    </ul>
  );
}
