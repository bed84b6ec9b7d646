// Nothing here yet: says why, and what to do.
import type { ReactNode } from 'react';

export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <section className="empty">
      <span className="empty-shape" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <h2>{title}</h2>
      {children && <div className="quiet">{children}</div>}
      {action && <div className="row">{action}</div>}
    </section>
  );
}
