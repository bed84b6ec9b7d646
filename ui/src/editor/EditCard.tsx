// A node that can be edited: the same card, with a handle for each branch, a + where nothing follows yet, a red dot where something is to mend.
import { Handle, type NodeProps, type Node, Position } from '@xyflow/react';
import { memo } from 'react';
import { Card } from '@/graph/NodeCard';
import type { EditData } from './shown';
import { useEditor } from './state';

export const EditCard = memo(function EditCard({ id, data, selected }: NodeProps<Node<EditData, 'edit'>>) {
  const editor = useEditor();
  const used = new Set(data.used === '' ? [] : data.used.split('\n'));
  const isPlain = data.branches.length === 0;
  const hasPlain = isPlain || data.used.split('\n').some((branch, at) => branch === '' && (at > 0 || data.used.includes('\n')));
  const shown = [...(hasPlain ? [''] : []), ...data.branches, ...(data.hasError ? ['error'] : [])];
  const main = shown.filter((branch) => branch !== 'error');
  const place = (branch: string) => (branch === 'error' ? '92%' : `${((main.indexOf(branch) + 1) / (main.length + 1)) * 100}%`);
  const isTrigger = data.drawn.role === 'trigger';
  return (
    <div className={`edit-card${data.isOff ? ' is-off' : ''}${data.faults > 0 ? ' has-faults' : ''}`}>
      <Card drawn={data.drawn} outcome={data.outcome} isFaded={data.isLit === false} isChosen={selected}>
        {data.faults > 0 ? <span className="dot is-failed" role="img" aria-label={`${data.faults} to mend`}>{data.faults}</span>
          : data.warnings > 0 ? <span className="dot is-waiting" role="img" aria-label={`${data.warnings} to look at`}>{data.warnings}</span> : null}
      </Card>
      {!isTrigger && <Handle type="target" position={Position.Top} className="into" isConnectableStart={false} />}
      {shown.map((branch) => (
        <Handle key={branch} {...(branch ? { id: branch } : {})} type="source" position={Position.Bottom} style={{ left: place(branch) }}
          className={`out${branch === 'error' ? ' is-error' : ''}${used.has(branch) || (branch === '' && hasPlain && data.used !== undefined && usesPlain(data.used, isPlain)) ? ' is-used' : ''}`} title={branch || undefined} />
      ))}
      {shown.filter((branch) => branch && !used.has(branch)).map((branch) => (
        <span key={branch} className={`out-name${branch === 'error' ? ' is-error' : ''}`} style={{ left: place(branch) }} aria-hidden="true">{branch}</span>
      ))}
      {shown.map((branch) => (
        <button key={branch} type="button" className={`plus nodrag nopan${branch === 'error' ? ' is-error' : ''}`} style={{ left: place(branch) }} tabIndex={selected ? 0 : -1}
          aria-label={branch ? `Add what follows by ${branch}` : 'Add what follows'}
          onClick={(event) => {
            event.stopPropagation();
            editor.getState().set({ adding: { at: { x: event.clientX, y: event.clientY }, from: { id, branch: branch || null } } });
          }}>+</button>
      ))}
    </div>
  );
});

const usesPlain = (used: string, isPlain: boolean) => isPlain && used !== '';

export function NoteCard({ data, selected }: NodeProps<Node<{ label: string }, 'note'>>) {
  return <div className={`note-card${selected ? ' is-chosen' : ''}`}>{data.label || 'An empty note'}</div>;
}

export function GroupFrame({ data, selected }: NodeProps<Node<{ label: string }, 'group'>>) {
  return <div className={`group-frame${selected ? ' is-chosen' : ''}`}><span>{data.label || 'Group'}</span></div>;
}
