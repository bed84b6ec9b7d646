// The settings of one node: its name, a form over its kind's schema, and for triggers and actions what stands beside the settings.
import { Button, Switch, Tooltip } from '@mantine/core';
import '@mantine/core/styles/InlineInput.css';
import '@mantine/core/styles/Switch.css';
import { useMemo } from 'react';
import { Sign } from '@/graph/NodeCard';
import type { Diagnostic } from '@/api/problem';
import { Coded } from '@/parts/Coded';
import { type Catalogue, kindName, kindOf, labelOf } from '../catalogue';
import { fieldOf } from '../checking';
import { configOf, dataOf, nodeOf, object, type Raw, setConfig, setData, setLabel, text } from '../model';
import { isGroup, isNote } from '../shown';
import { useDrawing, useEdited, useEditor } from '../state';
import { EventChoice } from './EventChoice';
import { FormContext, SchemaForm } from './SchemaForm';
import { scopeOf } from './scope';
import './inspector.css';
import { Ways } from './Ways';

export default function Inspector({ id, catalogue }: { id: string; catalogue: Catalogue }) {
  const editor = useEditor();
  const drawing = useDrawing();
  const node = nodeOf(drawing, id);
  const diagnostics = useEdited((state) => state.diagnostics);
  const own = useMemo(() => diagnostics.filter((one) => one.node === id), [diagnostics, id]);
  const scope = useMemo(() => scopeOf(drawing, catalogue, id), [drawing, catalogue, id]);
  const context = useMemo(() => ({ id, catalogue, scope, diagnostics: own }), [id, catalogue, scope, own]);
  if (!node) return <p className="aside-part quiet">This node is gone. ⌘Z brings it back.</p>;
  const kind = kindOf(node, catalogue);
  const close = () => editor.getState().open(undefined);
  const rename = (label: string) => editor.getState().edit((drawn) => setLabel(drawn, id, label), `label of ${id}`);
  if (isNote(node) || isGroup(node)) return <Loose node={node} rename={rename} close={close} />;
  const general = own.filter((one) => fieldOf(one) === undefined || fieldOf(one) === '');
  return (
    <FormContext.Provider value={context}>
      <section className="aside-part" aria-label="Node">
        <Head
          title={kind?.label ?? (kindName(node) || 'No kind')}
          role={kind?.role ?? 'note'}
          close={close}
          {...(kind ? { about: kind.docs } : {})}
        />
        <label className="form-field">
          <span>Name</span>
          <input
            className="input"
            value={text(dataOf(node).label)}
            placeholder={labelOf(node, catalogue)}
            onChange={(event) => rename(event.currentTarget.value)}
          />
        </label>
        <Said found={general} />
        <EventChoice catalogue={catalogue} />
      </section>
      {kind && (
        <section className="aside-part" aria-label="Settings">
          <SchemaForm
            schema={kind.schema}
            value={configOf(node)}
            path=""
            set={(config) => editor.getState().edit((drawn) => setConfig(drawn, id, config as Raw), `config of ${id}`)}
          />
        </section>
      )}
      {kind && <Ways id={id} node={node} catalogue={catalogue} />}
      {kind?.flow && <Beside title="How often, how soon, how many" schema={kind.flow} name="flow" id={id} value={dataOf(node).flow} />}
      {kind?.retry_schema && <Beside title="Trying again" schema={kind.retry_schema} name="retry" id={id} value={dataOf(node).retry} />}
      {kind && (
        <section className="aside-part">
          <TakingPart id={id} node={node} />
          <p className="quiet small">
            Id <code>{id}</code>
            {kind.result.length > 0 && <>; gives {kind.result.map((field) => field.name).join(', ')}</>}
          </p>
        </section>
      )}
    </FormContext.Provider>
  );
}

function Head({ title, role, about, close }: { title: string; role: string; about?: string; close: () => void }) {
  return (
    <div className="inspector-head">
      <Sign role={role} />
      <div className="grow">
        <h2>{title}</h2>
        {about && (
          <p className="quiet small" title={about}>
            <Coded>{/^.*?[.](?= |$)/s.exec(about)?.[0] ?? about}</Coded>
          </p>
        )}
      </div>
      <Tooltip label="Close (Esc)">
        <button type="button" className="close" aria-label="Close" onClick={close}>
          ×
        </button>
      </Tooltip>
    </div>
  );
}

export function Said({ found }: { found: readonly Diagnostic[] }) {
  return found.map((one, at) => (
    <p key={at} className={`said is-${one.severity}`} role="status">
      <span aria-hidden="true">{one.severity === 'error' ? '✕' : '◐'}</span> <Coded>{one.message}</Coded>
      {one.help && (
        <span className="quiet">
          {' '}
          <Coded>{one.help}</Coded>
        </span>
      )}
    </p>
  ));
}

function Beside({ title, schema, name, id, value }: { title: string; schema: Raw; name: 'flow' | 'retry'; id: string; value: unknown }) {
  const editor = useEditor();
  const set = (next: unknown) =>
    editor
      .getState()
      .edit((drawn) => setData(drawn, id, name, Object.keys(object(next)).length === 0 ? undefined : next), `${name} of ${id}`);
  return (
    <details className="aside-part beside" open={value !== undefined}>
      <summary>{title}</summary>
      <SchemaForm schema={schema} value={object(value)} path={`${name}:`} set={set} />
      {value !== undefined && (
        <Button variant="subtle" color="gray" className="quiet-button" onClick={() => set(undefined)}>
          As usual
        </Button>
      )}
    </details>
  );
}

/** A note or a group: no part of the way. */
function Loose({ node, rename, close }: { node: Raw; rename: (label: string) => void; close: () => void }) {
  const is = isNote(node);
  const label = text(dataOf(node).label);
  return (
    <section className="aside-part">
      <Head title={is ? 'Note' : 'Group'} role="note" close={close} />
      <label className="form-field">
        <span>{is ? 'What it says' : 'Name'}</span>
        {is ? (
          <textarea className="input" rows={5} value={label} onChange={(event) => rename(event.currentTarget.value)} />
        ) : (
          <input className="input" value={label} onChange={(event) => rename(event.currentTarget.value)} />
        )}
      </label>
    </section>
  );
}

/** Whether the node is skipped. What nobody ever set stays unset. */
function TakingPart({ id, node }: { id: string; node: Raw }) {
  const editor = useEditor();
  const { enabled, disabled } = dataOf(node);
  const isOff = enabled === false || (enabled === undefined && disabled === true);
  const set = (isOn: boolean) => {
    const next = isOn ? (enabled === false && disabled !== true ? undefined : true) : false;
    editor.getState().edit((drawn) => setData(drawn, id, 'enabled', next));
  };
  return (
    <Switch
      size="sm"
      label="Taking part"
      description={isOff ? 'It is skipped, and what follows it alone.' : undefined}
      checked={!isOff}
      onChange={(event) => set(event.currentTarget.checked)}
    />
  );
}
