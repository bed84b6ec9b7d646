// A node that can be edited: the same card, with a handle for each branch, a + where nothing follows yet, a red dot where something is to mend.
import { Handle, type NodeProps, type Node, Position, useUpdateNodeInternals } from '@xyflow/react';
import { type MouseEvent, memo, useEffect } from 'react';
import { Card } from '@/graph/NodeCard';
import { type EditData, usedOf } from './shown';
import { useEditor } from './state';

/** The handles below a card: each branch, and the one without a name where the kind has none or an edge leaves by it. */
export function handlesOf({ branches, used }: Pick<EditData, 'branches' | 'used'>): string[] {
  return [...(branches.length === 0 || usedOf(used).includes('') ? [''] : []), ...branches];
}

export const EditCard = memo(function EditCard({ id, data, selected }: NodeProps<Node<EditData, 'edit'>>) {
  const handles = handlesOf(data);
  const used = new Set(usedOf(data.used));
  const update = useUpdateNodeInternals();
  const names = `${handles.join('\n')}${data.hasError}`;
  useEffect(() => update(id), [id, names, update]);
  return (
    <div className={`edit-card${data.isOff ? ' is-off' : ''}${data.faults > 0 ? ' has-faults' : ''}`}>
      <Card drawn={data.drawn} outcome={data.outcome} isFaded={data.isLit === false} isChosen={selected}>
        {data.faults > 0 ? <span className="dot is-failed" role="img" aria-label={`${data.faults} to mend`}>{data.faults}</span>
          : data.warnings > 0 ? <span className="dot is-waiting" role="img" aria-label={`${data.warnings} to look at`}>{data.warnings}</span> : null}
      </Card>
      {data.drawn.role !== 'trigger' && <Handle type="target" position={Position.Top} className="into" isConnectableStart={false} />}
      {handles.map((branch, at) => (
        <Way key={branch} id={id} branch={branch} isUsed={used.has(branch)} isChosen={selected} at={`${((at + 1) / (handles.length + 1)) * 100}%`} />
      ))}
      {data.hasError && <Way id={id} branch="error" isUsed={used.has('error')} isChosen={selected} />}
    </div>
  );
});

/** A way out: its handle, and its name and a + where nothing follows. `error` is at the side. */
function Way({ id, branch, isUsed, isChosen, at }: { id: string; branch: string; isUsed: boolean; isChosen: boolean; at?: string }) {
  const editor = useEditor();
  const side = at === undefined ? ' is-error' : '';
  const style = at === undefined ? undefined : { left: at };
  const add = (event: MouseEvent) => {
    event.stopPropagation();
    editor.getState().set({ adding: { at: { x: event.clientX, y: event.clientY }, from: { id, branch: branch || null } } });
  };
  return (
    <>
      <Handle {...(branch ? { id: branch } : {})} type="source" position={at === undefined ? Position.Right : Position.Bottom} {...(style ? { style } : {})}
        className={`out${side}${isUsed ? ' is-used' : ''}`} title={branch || undefined} />
      {branch && !isUsed && <span className={`out-name${side}`} style={style} aria-hidden="true">{branch}</span>}
      {!isUsed && (
        <button type="button" className={`plus nodrag nopan${side}`} style={style} tabIndex={isChosen ? 0 : -1} onClick={add}
          aria-label={branch ? `Add what follows by ${branch}` : 'Add what follows'}>+</button>
      )}
    </>
  );
}

export function NoteCard({ data, selected }: NodeProps<Node<{ label: string }, 'note'>>) {
  return <div className={`note-card${selected ? ' is-chosen' : ''}`}>{data.label || 'An empty note'}</div>;
}

export function GroupFrame({ data, selected }: NodeProps<Node<{ label: string }, 'group'>>) {
  return <div className={`group-frame${selected ? ' is-chosen' : ''}`}><span>{data.label || 'Group'}</span></div>;
}
