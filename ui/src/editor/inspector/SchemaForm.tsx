// A form over a JSON Schema: labels and help are the schema's own. What nobody set stays out of the drawing.
import { createContext, lazy, Suspense, useContext, useId, useState } from 'react';
import type { Diagnostic } from '@/api/problem';
import { words } from '@/graph/drawing';
import { Coded } from '@/parts/Coded';
import type { Catalogue, Schema } from '../catalogue';
import { fieldOf } from '../checking';
import { object, type Raw } from '../model';
import { Said } from './Inspector';
import { blank, type Field, type Form, formOf, settled } from './schema';
import type { Named } from './scope';
import { TextField } from './TextField';

const Rules = lazy(() => import('./Rules'));

interface Around { id: string; catalogue: Catalogue; scope: readonly Named[]; diagnostics: readonly Diagnostic[] }
export const FormContext = createContext<Around | null>(null);
export function useForm(): Around {
  const form = useContext(FormContext);
  if (!form) throw new Error('outside of a form');
  return form;
}

export interface Part { schema: Schema; root: Schema; value: unknown; path: string; set: (value: unknown) => void; label: string; id: string }

export function SchemaForm({ schema, value, path, set }: { schema: Schema; value: Raw; path: string; set: (value: unknown) => void }) {
  const form = formOf(schema, schema);
  const [areAllShown, setAllShown] = useState(false);
  if (form.form !== 'object') return <One name="" field={{ name: '', schema, isRequired: true }} root={schema} value={value} path={path} set={set} />;
  const isUsed = (field: Field) => field.isRequired || value[field.name] !== undefined;
  const main = form.fields.length <= 5 || areAllShown ? form.fields : form.fields.filter(isUsed);
  const hidden = form.fields.length - main.length;
  if (form.fields.length === 0) return <p className="quiet">{String(schema.description ?? 'It has no settings.')}</p>;
  return (
    <div className="form">
      <Fields fields={main} root={schema} value={value} path={path} set={set} />
      {hidden > 0 && <button type="button" className="text-button small" onClick={() => setAllShown(true)}>{hidden} more {hidden === 1 ? 'setting' : 'settings'}</button>}
    </div>
  );
}

/** The next object with a field set, or without it. */
export function withField(value: Raw, name: string, next: unknown): Raw {
  if (next !== undefined) return { ...value, [name]: next };
  const { [name]: _gone, ...rest } = value as Record<string, unknown>;
  return rest;
}

function Fields({ fields, root, value, path, set }: { fields: Field[]; root: Schema; value: Raw; path: string; set: (value: unknown) => void }) {
  return fields.map((field) => (
    <One key={field.name} name={field.name} field={field} root={root} value={value[field.name]} path={`${path}/${field.name}`} set={(next) => set(withField(value, field.name, next))} />
  ));
}

const LONG = new Set<Form['form']>(['object', 'list', 'map', 'rules', 'either']);

function One({ name, field, root, value, path, set }: { name: string; field: Field; root: Schema; value: unknown; path: string; set: (value: unknown) => void }) {
  const id = useId();
  const { diagnostics } = useForm();
  const schema = settled(field.schema, root);
  const form = formOf(field.schema, root, name);
  const about = typeof schema.description === 'string' ? schema.description.replaceAll('\n', ' ') : '';
  const said = diagnostics.filter((one) => { const at = fieldOf(one); return at !== undefined && at !== '' && (at === path || (at.startsWith(`${path}/`) && !['object', 'list', 'map'].includes(form.form))); });
  const isMissing = diagnostics.some((one) => one.code === 'missing-field' && one.severity === 'error' && value === undefined && one.message.includes(`\`${name}\``));
  const label = words(name);
  const control = <Control form={form} part={{ schema, root, value, path, set, label: label || 'Settings', id }} />;
  const tone = said.some((one) => one.severity === 'error') || isMissing ? ' has-fault' : said.length > 0 ? ' has-warning' : '';
  if (LONG.has(form.form)) {
    return (
      <fieldset className={`form-field${tone}`} aria-describedby={about ? `${id}-about` : undefined}>
        {label && <legend>{label}{!field.isRequired && <span className="quiet small"> optional</span>}</legend>}
        {control}
        {about && name && <p className="quiet small" id={`${id}-about`}><Coded>{about}</Coded></p>}
        <Said found={said} />
      </fieldset>
    );
  }
  return (
    <div className={`form-field${tone}`}>
      <label htmlFor={id} id={`${id}-label`}>{label}{!field.isRequired && <span className="quiet small"> optional</span>}</label>
      {control}
      {about && <p className="quiet small" id={`${id}-about`}><Coded>{about}</Coded></p>}
      <Said found={said} />
    </div>
  );
}

function Control({ form, part }: { form: Form; part: Part }) {
  const { value, set, id, label } = part;
  switch (form.form) {
    case 'template': return <TextField part={part} mode="template" content={form.content} />;
    case 'expression': return <TextField part={part} mode="expression" content="expression" />;
    case 'rules': return <Suspense fallback={<p className="quiet small">…</p>}><Rules part={part} /></Suspense>;
    case 'boolean': return <input id={id} type="checkbox" className="check" checked={value === true} onChange={(event) => set(event.currentTarget.checked)} />;
    case 'number': return <input id={id} className="input" type="number" min={form.least} max={form.most} value={typeof value === 'number' ? value : value === undefined || value === null ? '' : String(value)} aria-describedby={`${id}-about`} onChange={(event) => set(event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value))} />;
    case 'span': return <><input id={id} className="input" list={`${id}-spans`} placeholder="such as 30m, 12h, 7d" value={typeof value === 'string' ? value : ''} onChange={(event) => set(event.currentTarget.value || undefined)} /><datalist id={`${id}-spans`}>{['10m', '1h', '1d', '7d', '30d'].map((one) => <option key={one} value={one} />)}</datalist></>;
    case 'choice': return <Choice part={part} options={form.options} />;
    case 'list': return <List part={part} items={form.items} />;
    case 'map': return <Pairs part={part} items={form.items} />;
    case 'object': return <div className="form nested"><Fields fields={form.fields} root={part.root} value={object(value)} path={part.path} set={(next) => set(next)} /></div>;
    case 'either': return <Either part={part} ways={form.ways} />;
    case 'any': return <AnyValue part={part} />;
    default: return <input id={id} className="input" value={typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)} aria-label={label} onChange={(event) => set(event.currentTarget.value || undefined)} />;
  }
}

function Choice({ part: { value, set, id, schema }, options }: { part: Part; options: { value: unknown; about: string }[] }) {
  const at = options.findIndex((one) => one.value === value);
  const usual = options.find((one) => one.value === schema.default);
  return (
    <>
      <select id={id} className="input" value={at} onChange={(event) => set(options[Number(event.currentTarget.value)]?.value)}>
        <option value={-1}>{usual ? `As usual: ${words(String(usual.value))}` : 'Not set'}</option>
        {options.map((one, index) => <option key={index} value={index}>{String(one.value) === String(one.value).toUpperCase() ? String(one.value) : words(String(one.value))}</option>)}
      </select>
      {options[at]?.about && <p className="quiet small">{options[at]?.about}</p>}
    </>
  );
}

function List({ part: { value, set, root, path, label }, items }: { part: Part; items: Schema }) {
  const all = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const form = formOf(items, root);
  if (form.form === 'choice') {
    return (
      <div className="checks">
        {form.options.map((one) => (
          <label key={String(one.value)}><input type="checkbox" className="check" checked={all.includes(one.value)} onChange={(event) => { const next = event.currentTarget.checked ? [...all, one.value] : all.filter((each) => each !== one.value); set(next.length > 0 ? next : undefined); }} /> {String(one.value).replaceAll('_', ' ')}</label>
        ))}
      </div>
    );
  }
  return (
    <div className="items">
      {all.map((one, at) => (
        <div key={at} className="item">
          <div className="grow"><One name="" field={{ name: '', schema: items, isRequired: true }} root={root} value={one} path={`${path}/${at}`} set={(next) => set(all.map((each, index) => (index === at ? next ?? '' : each)))} /></div>
          <button type="button" className="close" aria-label={`Remove ${label} ${at + 1}`} onClick={() => set(all.filter((_, index) => index !== at))}>×</button>
        </div>
      ))}
      <button type="button" className="text-button small" onClick={() => set([...all, blank(items, root)])}>Add to {label.toLowerCase()}</button>
    </div>
  );
}

function Pairs({ part: { value, set, root, path, label }, items }: { part: Part; items: Schema }) {
  const pairs = Object.entries(object(value));
  const put = (next: [string, unknown][]) => set(next.length > 0 ? Object.fromEntries(next) : undefined);
  const form = formOf(items, root);
  return (
    <div className="items">
      {pairs.map(([name, one], at) => (
        <div key={at} className="item">
          <div className="grow">
            <input className="input name" aria-label={`Name ${at + 1} of ${label}`} value={name} onChange={(event) => { const next = event.currentTarget.value; if (!pairs.some(([other], index) => index !== at && other === next)) put(pairs.map((pair, index) => (index === at ? [next, one] : pair))); }} />
            {form.form === 'any' || form.form === 'text' ? <TextField part={{ schema: items, root, value: one, path: `${path}/${name}`, label: name, id: `${label}-${at}`, set: (next) => put(pairs.map((pair, index) => (index === at ? [name, next ?? ''] : pair))) }} mode="template" content="text" />
              : <One name="" field={{ name: '', schema: items, isRequired: true }} root={root} value={one} path={`${path}/${name}`} set={(next) => put(pairs.map((pair, index) => (index === at ? [name, next ?? ''] : pair)))} />}
          </div>
          <button type="button" className="close" aria-label={`Remove ${name}`} onClick={() => put(pairs.filter((_, index) => index !== at))}>×</button>
        </div>
      ))}
      <button type="button" className="text-button small" onClick={() => { let at = pairs.length + 1; while (pairs.some(([name]) => name === `name_${at}`)) at += 1; put([...pairs, [`name_${at}`, form.form === 'any' ? '' : blank(items, root)]]); }}>Add to {label.toLowerCase()}</button>
    </div>
  );
}

function Either({ part, ways }: { part: Part; ways: { name: string; schema: Schema }[] }) {
  const { value, set, root, path } = part;
  const fits = (schema: Schema) => {
    const type = settled(schema, root).type;
    if (Array.isArray(value)) return type === 'array';
    if (value && typeof value === 'object') return type === 'object' && Object.keys(value).every((key) => key in object(settled(schema, root).properties));
    return value !== undefined && value !== null && type !== 'array' && type !== 'object';
  };
  const found = ways.findIndex((way) => fits(way.schema));
  const [picked, setPicked] = useState(Math.max(0, found));
  const at = found >= 0 ? found : picked;
  const way = ways[at];
  return (
    <div className="stack tight">
      <div className="tabs" role="group" aria-label={part.label}>
        {ways.map((one, index) => <button key={one.name + index} type="button" aria-pressed={index === at} onClick={() => { setPicked(index); if (index !== at) set(blank(one.schema, root)); }}>{one.name}</button>)}
      </div>
      {way && <One name="" field={{ name: '', schema: way.schema, isRequired: true }} root={root} value={value} path={path} set={set} />}
    </div>
  );
}

function AnyValue({ part: { value, set, id } }: { part: Part }) {
  const [typed, setTyped] = useState<string>();
  const shown = typed ?? (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));
  return (
    <input id={id} className="input mono" value={shown} onBlur={() => setTyped(undefined)} onChange={(event) => {
      const next = event.currentTarget.value;
      setTyped(next);
      try {
        set(next === '' ? undefined : JSON.parse(next));
      } catch {
        set(next);
      }
    }} />
  );
}
