// A form over a JSON Schema: labels and help are the schema's own. What nobody set stays out of the drawing.
import { createContext, lazy, Suspense, useContext, useId, useState } from 'react';
import type { Diagnostic } from '@/api/problem';
import { words } from '@/graph/drawing';
import { Coded } from '@/parts/Coded';
import type { Catalogue, Schema } from '../catalogue';
import { fieldOf } from '../checking';
import { object, type Raw } from '../model';
import { Said } from './Inspector';
import { AnyValue, Choice, Either, List, Pairs } from './controls';
import { type Field, type Form, formOf, settled } from './schema';
import type { Named } from './scope';
import { TextField } from './TextField';

const Rules = lazy(() => import('./Rules'));

interface Around {
  id: string;
  catalogue: Catalogue;
  scope: readonly Named[];
  diagnostics: readonly Diagnostic[];
}
export const FormContext = createContext<Around | null>(null);
export function useForm(): Around {
  const form = useContext(FormContext);
  if (!form) throw new Error('outside of a form');
  return form;
}

export interface Part {
  schema: Schema;
  root: Schema;
  value: unknown;
  path: string;
  set: (value: unknown) => void;
  label: string;
  id: string;
}

export function SchemaForm({ schema, value, path, set }: { schema: Schema; value: Raw; path: string; set: (value: unknown) => void }) {
  const form = formOf(schema, schema);
  const [areAllShown, setAllShown] = useState(false);
  if (form.form !== 'object')
    return <One name="" field={{ name: '', schema, isRequired: true }} root={schema} value={value} path={path} set={set} />;
  const isUsed = (field: Field) => field.isRequired || value[field.name] !== undefined;
  const main = form.fields.length <= 5 || areAllShown ? form.fields : form.fields.filter(isUsed);
  const hidden = form.fields.length - main.length;
  if (form.fields.length === 0) return <p className="quiet">{String(schema.description ?? 'It has no settings.')}</p>;
  return (
    <div className="form">
      <Fields fields={main} root={schema} value={value} path={path} set={set} />
      {hidden > 0 && (
        <button type="button" className="text-button small" onClick={() => setAllShown(true)}>
          {hidden} more {hidden === 1 ? 'setting' : 'settings'}
        </button>
      )}
    </div>
  );
}

/** The next object with a field set, or without it. */
export function withField(value: Raw, name: string, next: unknown): Raw {
  if (next !== undefined) return { ...value, [name]: next };
  const { [name]: _gone, ...rest } = value as Record<string, unknown>;
  return rest;
}

function Fields({
  fields,
  root,
  value,
  path,
  set,
}: {
  fields: Field[];
  root: Schema;
  value: Raw;
  path: string;
  set: (value: unknown) => void;
}) {
  return fields.map((field) => (
    <One
      key={field.name}
      name={field.name}
      field={field}
      root={root}
      value={value[field.name]}
      path={`${path}/${field.name}`}
      set={(next) => set(withField(value, field.name, next))}
    />
  ));
}

const LONG = new Set<Form['form']>(['object', 'list', 'map', 'rules', 'either']);

export function One({
  name,
  field,
  root,
  value,
  path,
  set,
}: {
  name: string;
  field: Field;
  root: Schema;
  value: unknown;
  path: string;
  set: (value: unknown) => void;
}) {
  const id = useId();
  const { diagnostics } = useForm();
  const schema = settled(field.schema, root);
  const form = formOf(field.schema, root, name);
  const about = typeof schema.description === 'string' ? schema.description.replaceAll('\n', ' ') : '';
  const said = diagnostics.filter((one) => {
    const at = fieldOf(one);
    return at !== undefined && at !== '' && (at === path || (at.startsWith(`${path}/`) && !['object', 'list', 'map'].includes(form.form)));
  });
  const isMissing = diagnostics.some(
    (one) => one.code === 'missing-field' && one.severity === 'error' && value === undefined && one.message.includes(`\`${name}\``),
  );
  const label = words(name);
  const control = <Control form={form} part={{ schema, root, value, path, set, label: label || 'Settings', id }} />;
  const tone = said.some((one) => one.severity === 'error') || isMissing ? ' has-fault' : said.length > 0 ? ' has-warning' : '';
  if (LONG.has(form.form)) {
    return (
      <fieldset className={`form-field${tone}`} aria-describedby={about ? `${id}-about` : undefined}>
        {label && (
          <legend>
            {label}
            {!field.isRequired && <span className="quiet small"> optional</span>}
          </legend>
        )}
        {control}
        {about && name && (
          <p className="quiet small" id={`${id}-about`}>
            <Coded>{about}</Coded>
          </p>
        )}
        <Said found={said} />
      </fieldset>
    );
  }
  return (
    <div className={`form-field${tone}`}>
      <label htmlFor={id} id={`${id}-label`}>
        {label}
        {!field.isRequired && <span className="quiet small"> optional</span>}
      </label>
      {control}
      {about && (
        <p className="quiet small" id={`${id}-about`}>
          <Coded>{about}</Coded>
        </p>
      )}
      <Said found={said} />
    </div>
  );
}

/** A length of time, as the engine reads it. */
function Span({ part: { id, value, set } }: { part: Part }) {
  return (
    <>
      <input
        id={id}
        className="input"
        list={`${id}-spans`}
        placeholder="such as 30m, 12h, 7d"
        value={typeof value === 'string' ? value : ''}
        onChange={(event) => set(event.currentTarget.value || undefined)}
      />
      <datalist id={`${id}-spans`}>
        {['10m', '1h', '1d', '7d', '30d'].map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  );
}

function Control({ form, part }: { form: Form; part: Part }) {
  const { value, set, id, label } = part;
  switch (form.form) {
    case 'template':
      return <TextField part={part} mode="template" content={form.content} />;
    case 'expression':
      return <TextField part={part} mode="expression" content="expression" />;
    case 'rules':
      return (
        <Suspense fallback={<p className="quiet small">…</p>}>
          <Rules part={part} />
        </Suspense>
      );
    case 'boolean':
      return (
        <input id={id} type="checkbox" className="check" checked={value === true} onChange={(event) => set(event.currentTarget.checked)} />
      );
    case 'number':
      return (
        <input
          id={id}
          className="input"
          type="number"
          min={form.least}
          max={form.most}
          value={typeof value === 'number' ? value : value === undefined || value === null ? '' : String(value)}
          aria-describedby={`${id}-about`}
          onChange={(event) => set(event.currentTarget.value === '' ? undefined : Number(event.currentTarget.value))}
        />
      );
    case 'span':
      return <Span part={part} />;
    case 'choice':
      return <Choice part={part} options={form.options} />;
    case 'list':
      return <List part={part} items={form.items} />;
    case 'map':
      return <Pairs part={part} items={form.items} />;
    case 'object':
      return (
        <div className="form nested">
          <Fields fields={form.fields} root={part.root} value={object(value)} path={part.path} set={(next) => set(next)} />
        </div>
      );
    case 'either':
      return <Either part={part} ways={form.ways} />;
    case 'any':
      return <AnyValue part={part} />;
    default:
      return (
        <input
          id={id}
          className="input"
          value={typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)}
          aria-label={label}
          onChange={(event) => set(event.currentTarget.value || undefined)}
        />
      );
  }
}
