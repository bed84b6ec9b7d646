// A small picture of a drawing, for galleries: no library, no text but its name.
import { useMemo } from 'react';
import { NODE, readDrawing } from './drawing';

export function Sketch({ definition, label }: { definition: unknown; label: string }) {
  const drawing = useMemo(() => readDrawing(definition), [definition]);
  const right = Math.max(...drawing.nodes.map((node) => node.x)) + NODE.width;
  const left = Math.min(...drawing.nodes.map((node) => node.x));
  const top = Math.min(...drawing.nodes.map((node) => node.y));
  const bottom = Math.max(...drawing.nodes.map((node) => node.y)) + NODE.height;
  if (drawing.nodes.length === 0) return null;
  const at = new Map(drawing.nodes.map((node) => [node.id, node]));
  return (
    <svg
      className="sketch"
      viewBox={`${left - 12} ${top - 12} ${right - left + 24} ${bottom - top + 24}`}
      role="img"
      aria-label={label}
      preserveAspectRatio="xMidYMid meet"
    >
      {drawing.edges.map((edge) => {
        const from = at.get(edge.source);
        const to = at.get(edge.target);
        if (!from || !to) return null;
        const [x1, y1, x2, y2] = [from.x + NODE.width / 2, from.y + NODE.height, to.x + NODE.width / 2, to.y];
        const middle = (y1 + y2) / 2;
        return <path key={edge.id} d={`M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`} />;
      })}
      {drawing.nodes.map((node) => (
        <g key={node.id} className={`is-${node.role}`} transform={`translate(${node.x} ${node.y})`}>
          <rect className="sketch-card" width={NODE.width} height={NODE.height} rx={14} />
          <rect className="sketch-sign" x={16} y={20} width={36} height={36} rx={9} />
          <rect className="sketch-text" x={66} y={24} width={Math.min(150, 24 + node.label.length * 6)} height={10} rx={5} />
          <rect className="sketch-text is-light" x={66} y={44} width={Math.min(150, 16 + node.line.length * 4)} height={8} rx={4} />
        </g>
      ))}
    </svg>
  );
}
