// The panel at the right, as wide as one likes it.
import { type PointerEvent, type ReactNode, useState } from 'react';

const BOUNDS = [300, 720] as const;
const bounded = (width: number) => Math.round(Math.min(BOUNDS[1], Math.max(BOUNDS[0], width)));

export function Resizable({ children }: { children: ReactNode }) {
  const [width, setWidth] = useState(() => bounded(Number(localStorage.getItem('thendo.inspector')) || 380));
  const set = (next: number) => {
    setWidth(bounded(next));
    localStorage.setItem('thendo.inspector', String(bounded(next)));
  };
  const drag = (event: PointerEvent<HTMLElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    set(window.innerWidth - event.clientX);
  };
  return (
    <aside className="aside inspector" aria-label="About what is chosen" style={{ width }}>
      <div className="resizer" role="separator" aria-orientation="vertical" aria-label="Width of this panel" aria-valuenow={width} aria-valuemin={BOUNDS[0]} aria-valuemax={BOUNDS[1]} tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)} onPointerMove={drag}
        onKeyDown={(event) => { const step = { ArrowLeft: 20, ArrowRight: -20 }[event.key]; if (step) { set(width + step); event.preventDefault(); } }} />
      <div className="inspector-inside">{children}</div>
    </aside>
  );
}
