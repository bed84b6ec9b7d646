// The palette: every kind by family, found by a word; a click, Enter or a drag adds it.
import { useReactFlow } from '@xyflow/react';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import { Sign } from '@/graph/NodeCard';
import { act, focusOn } from './acts';
import { type Catalogue, type Kind, kindName } from './catalogue';
import { nodesOf } from './model';
import { useDrawing, useEdited, useEditor } from './state';

const FAMILIES = [['trigger', 'It begins when'], ['condition', 'Which way'], ['control', 'When and how'], ['action', 'Do something']] as const;

/** Those that have all the words, in the catalogue's order; names before what they are for. */
export function found(catalogue: Catalogue, typed: string): Kind[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (kind: Kind, where: string) => words.every((word) => where.toLowerCase().includes(word)) && kind;
  const all = [...catalogue.values()];
  const named = all.filter((kind) => has(kind, `${kind.label} ${kind.name} ${kind.role}`));
  return words.length === 0 ? all : [...named, ...all.filter((kind) => !named.includes(kind) && has(kind, `${kind.label} ${kind.docs}`))];
}

export function Kinds({ catalogue }: { catalogue: Catalogue }) {
  const editor = useEditor();
  const adding = useEdited((state) => state.adding);
  const drawing = useDrawing();
  const flow = useReactFlow();
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const hasTrigger = useMemo(() => nodesOf(drawing).some((node) => catalogue.get(kindName(node))?.role === 'trigger'), [drawing, catalogue]);
  const shown = useMemo(() => found(catalogue, typed).filter((kind) => (adding || hasTrigger ? kind.role !== 'trigger' : true)), [catalogue, typed, adding, hasTrigger]);
  const ordered = useMemo(() => (typed ? shown : FAMILIES.flatMap(([role]) => shown.filter((kind) => kind.role === role))), [shown, typed]);
  useEffect(() => {
    if (adding) box.current?.querySelector('input')?.focus();
  }, [adding]);
  const add = (kind: Kind | undefined) => {
    if (!kind) return;
    const pane = document.querySelector('.graph.is-edited')?.getBoundingClientRect();
    const middle = flow.screenToFlowPosition({ x: (pane?.left ?? 0) + (pane?.width ?? 0) / 2 - 120, y: (pane?.top ?? 0) + (pane?.height ?? 0) / 2 - 38 });
    if (adding) act.add(editor, catalogue, kind, { at: middle, from: adding.from });
    else act.addNext(editor, catalogue, kind, middle);
    setTyped('');
    setAt(0);
    requestAnimationFrame(() => focusOn([...editor.getState().chosen][0]));
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && ordered.length > 0) setAt((at + step + ordered.length) % ordered.length);
    else if (event.key === 'Enter') add(ordered[Math.min(at, ordered.length - 1)]);
    else if (event.key === 'Escape') {
      editor.getState().set({ adding: undefined });
      setTyped('');
      focusOn([...editor.getState().chosen][0]);
    }
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const row = (kind: Kind) => {
    const index = ordered.indexOf(kind);
    return (
      <li key={kind.name} id={`kind-${kind.name}`} role="option" aria-selected={index === at} draggable title={kind.docs} onClick={() => add(kind)}
        onDragStart={(event) => { event.dataTransfer.setData('application/thendo-kind', kind.name); event.dataTransfer.effectAllowed = 'copy'; }}
        ref={(node) => { if (index === at && typed) node?.scrollIntoView?.({ block: 'nearest' }); }}>
        <Sign role={kind.role} /><span className="grow truncate">{kind.label}</span>
      </li>
    );
  };
  return (
    <div className="kinds" ref={box} onKeyDown={press}>
      <div className="field"><input data-search role="combobox" aria-expanded aria-controls="kinds-list" aria-activedescendant={ordered[at] ? `kind-${ordered[at].name}` : undefined} aria-label="Add a node" placeholder={adding?.from ? 'What follows…' : 'Add a node…'} value={typed}
        onChange={(event) => { setTyped(event.currentTarget.value); setAt(0); }} /></div>
      <div className="kinds-list" role="listbox" id="kinds-list" aria-label="Kinds of nodes" tabIndex={-1}>
        {typed ? <ul role="group" aria-label="Found">{ordered.map(row)}</ul> : FAMILIES.map(([role, words]) => {
          const kinds = shown.filter((kind) => kind.role === role);
          return kinds.length > 0 && <ul key={role} role="group" aria-label={words}><li role="presentation" className="kinds-family">{words}</li>{kinds.map(row)}</ul>;
        })}
        {ordered.length === 0 && <p className="quiet small kinds-none">No kind is like that.</p>}
      </div>
    </div>
  );
}
