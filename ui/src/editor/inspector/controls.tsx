// Controls of a form that hold others, or choose among them.
import { useState } from 'react';
import { words } from '@/graph/drawing';
import type { Schema } from '../catalogue';
import { object } from '../model';
import { One, type Part } from './SchemaForm';
import { blank, formOf, settled } from './schema';
import { TextField } from './TextField';

export function Choice({ part: { value, set, id, schema }, options }: { part: Part; options: { value: unknown; about: string }[] }) {
  const at = options.findIndex((one) => one.value === value);
  const usual = options.find((one) => one.value === schema.default);
  return (
    <>
      <select id={id} className="input" value={at} onChange={(event) => set(options[Number(event.currentTarget.value)]?.value)}>
        <option value={-1}>{usual ? `As usual: ${words(String(usual.value))}` : 'Not set'}</option>
        {options.map((one, index) => (
          <option key={index} value={index}>
            {String(one.value) === String(one.value).toUpperCase() ? String(one.value) : words(String(one.value))}
          </option>
        ))}
      </select>
      {options[at]?.about && <p className="quiet small">{options[at]?.about}</p>}
    </>
  );
}

export function List({ part: { value, set, root, path, label }, items }: { part: Part; items: Schema }) {
  const all = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const form = formOf(items, root);
  if (form.form === 'choice') {
    return (
      <div className="checks">
        {form.options.map((one) => (
          <label key={String(one.value)}>
            <input
              type="checkbox"
              className="check"
              checked={all.includes(one.value)}
              onChange={(event) => {
                const next = event.currentTarget.checked ? [...all, one.value] : all.filter((each) => each !== one.value);
                set(next.length > 0 ? next : undefined);
              }}
            />{' '}
            {String(one.value).replaceAll('_', ' ')}
          </label>
        ))}
      </div>
    );
  }
  return (
    <div className="items">
      {all.map((one, at) => (
        <div key={at} className="item">
          <div className="grow">
            <One
              name=""
              field={{ name: '', schema: items, isRequired: true }}
              root={root}
              value={one}
              path={`${path}/${at}`}
              set={(next) => set(all.map((each, index) => (index === at ? (next ?? '') : each)))}
            />
          </div>
          <button
            type="button"
            className="close"
            aria-label={`Remove ${label} ${at + 1}`}
            onClick={() => set(all.filter((_, index) => index !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button type="button" className="text-button small" onClick={() => set([...all, blank(items, root)])}>
        Add to {label.toLowerCase()}
      </button>
    </div>
  );
}

export function Pairs({ part: { value, set, root, path, label }, items }: { part: Part; items: Schema }) {
  const pairs = Object.entries(object(value));
  const put = (next: [string, unknown][]) => set(next.length > 0 ? Object.fromEntries(next) : undefined);
  const form = formOf(items, root);
  return (
    <div className="items">
      {pairs.map(([name, one], at) => (
        <div key={at} className="item">
          <div className="grow">
            <input
              className="input name"
              aria-label={`Name ${at + 1} of ${label}`}
              value={name}
              onChange={(event) => {
                const next = event.currentTarget.value;
                if (!pairs.some(([other], index) => index !== at && other === next))
                  put(pairs.map((pair, index) => (index === at ? [next, one] : pair)));
              }}
            />
            {form.form === 'any' || form.form === 'text' ? (
              <TextField
                part={{
                  schema: items,
                  root,
                  value: one,
                  path: `${path}/${name}`,
                  label: name,
                  id: `${label}-${at}`,
                  set: (next) => put(pairs.map((pair, index) => (index === at ? [name, next ?? ''] : pair))),
                }}
                mode="template"
                content="text"
              />
            ) : (
              <One
                name=""
                field={{ name: '', schema: items, isRequired: true }}
                root={root}
                value={one}
                path={`${path}/${name}`}
                set={(next) => put(pairs.map((pair, index) => (index === at ? [name, next ?? ''] : pair)))}
              />
            )}
          </div>
          <button
            type="button"
            className="close"
            aria-label={`Remove ${name}`}
            onClick={() => put(pairs.filter((_, index) => index !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button
        type="button"
        className="text-button small"
        onClick={() => {
          let at = pairs.length + 1;
          while (pairs.some(([name]) => name === `name_${at}`)) at += 1;
          put([...pairs, [`name_${at}`, form.form === 'any' ? '' : blank(items, root)]]);
        }}
      >
        Add to {label.toLowerCase()}
      </button>
    </div>
  );
}

export function Either({ part, ways }: { part: Part; ways: { name: string; schema: Schema }[] }) {
  const { value, set, root, path } = part;
  const fits = (schema: Schema) => {
    const type = settled(schema, root).type;
    if (Array.isArray(value)) return type === 'array';
    if (value && typeof value === 'object')
      return type === 'object' && Object.keys(value).every((key) => key in object(settled(schema, root).properties));
    return value !== undefined && value !== null && type !== 'array' && type !== 'object';
  };
  const found = ways.findIndex((way) => fits(way.schema));
  const [picked, setPicked] = useState(Math.max(0, found));
  const at = found >= 0 ? found : picked;
  const way = ways[at];
  return (
    <div className="stack tight">
      <div className="tabs" role="group" aria-label={part.label}>
        {ways.map((one, index) => (
          <button
            key={one.name + index}
            type="button"
            aria-pressed={index === at}
            onClick={() => {
              setPicked(index);
              if (index !== at) set(blank(one.schema, root));
            }}
          >
            {one.name}
          </button>
        ))}
      </div>
      {way && <One name="" field={{ name: '', schema: way.schema, isRequired: true }} root={root} value={value} path={path} set={set} />}
    </div>
  );
}

export function AnyValue({ part: { value, set, id } }: { part: Part }) {
  const [typed, setTyped] = useState<string>();
  const shown = typed ?? (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));
  return (
    <input
      id={id}
      className="input mono"
      value={shown}
      onBlur={() => setTyped(undefined)}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setTyped(next);
        try {
          set(next === '' ? undefined : JSON.parse(next));
        } catch {
          set(next);
        }
      }}
    />
  );
}
