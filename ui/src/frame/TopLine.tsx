// The top line of a page: where one is, its state, the one main button. Also the tab's title.
import { type ReactNode, useEffect } from 'react';
import { Link } from 'wouter';

export interface TopLineProps {
  title: string;
  /** The list that this is one of. */
  from?: { label: string; to: string };
  state?: ReactNode;
  children?: ReactNode;
}

export function TopLine({ title, from, state, children }: TopLineProps) {
  useEffect(() => {
    document.title = `${title} · thendo`;
  }, [title]);
  return (
    <header className="top">
      {from && (
        <>
          <Link className="quiet top-from" href={from.to}>
            {from.label}
          </Link>
          <span className="quiet" aria-hidden="true">
            /
          </span>
        </>
      )}
      <h1 className="truncate" tabIndex={-1} id="page-title">
        {title}
      </h1>
      {state && <div className="row top-state">{state}</div>}
      <div className="grow" />
      <div className="row top-actions">{children}</div>
    </header>
  );
}
