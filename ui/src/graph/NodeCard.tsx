// A node as a card: kind, caption, one line of what it is set to, how it ended.
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react';
import type { ReactNode } from 'react';
import { shapeOf, toneOf } from '@/parts/Status';
import { type DrawnNode, words } from './drawing';

export type CardNode = Node<{ drawn: DrawnNode; outcome?: string; isLit?: boolean; change?: 'added' | 'removed' | 'changed' }, 'card'>;

const SIGNS: Record<string, ReactNode> = {
  trigger: <path d="M9 2 4 9h3.500L7 14l5-7H8.500z" />,
  condition: <path d="M8 2.500 13.500 8 8 13.500 2.500 8z" />,
  control: (
    <>
      <circle cx="8" cy="8" r="5.500" />
      <path d="M8 5v3.200l2 1.300" />
    </>
  ),
  action: <path d="M3 8h9M8.500 4.500 12 8l-3.500 3.500" />,
  note: <path d="M4 5h8M4 8h8M4 11h5" />,
};

export function Sign({ role }: { role: string }) {
  return (
    <span className={`sign is-${role}`} aria-hidden="true">
      <svg
        width="16"
        height="16"
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.500"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        {SIGNS[role] ?? SIGNS.note}
      </svg>
    </span>
  );
}

export function Card({
  drawn,
  outcome,
  isFaded,
  isChosen,
  children,
}: {
  drawn: DrawnNode;
  outcome?: string | undefined;
  isFaded?: boolean;
  isChosen?: boolean;
  children?: ReactNode;
}) {
  const tone = outcome ? ` has-outcome is-${toneOf(outcome)}` : '';
  return (
    <div className={`card${tone}${isFaded ? ' is-faded' : ''}${isChosen ? ' is-chosen' : ''}`}>
      <Sign role={drawn.role} />
      <div className="grow">
        <div className="card-kind truncate">{words(drawn.kind)}</div>
        <div className="card-label truncate">{drawn.label}</div>
        <div className="card-line truncate">{drawn.line || '\u00a0'}</div>
      </div>
      {outcome && (
        <span className="mark" role="img" aria-label={outcome}>
          {shapeOf(outcome)}
        </span>
      )}
      {children}
    </div>
  );
}

export function NodeCard({ data, selected }: NodeProps<CardNode>) {
  const { drawn, outcome, isLit, change } = data;
  const card = (
    <Card drawn={drawn} outcome={outcome} isFaded={isLit === false} isChosen={selected}>
      {change && (
        <span className="change-mark" aria-hidden="true">
          {{ added: '+', removed: '−', changed: '~' }[change]}
        </span>
      )}
      {drawn.role !== 'trigger' && <Handle type="target" position={Position.Top} isConnectable={false} />}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </Card>
  );
  return change ? <div className={`is-change is-${change}`}>{card}</div> : card;
}
