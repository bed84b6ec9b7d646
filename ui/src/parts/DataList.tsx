// A list as long as it may be: only the rows in sight are there. It asks for more before its end is reached.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';

export interface DataListProps<T> {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** Where a row leads. */
  to: (item: T) => string;
  children: (item: T) => ReactNode;
  /** What stands before a row and is not part of its link: a box to choose it. */
  lead?: ((item: T) => ReactNode) | undefined;
  height?: number;
  more?: { has: boolean; isLoading: boolean; load: () => void };
}

export function DataList<T>({ label, items, keyOf, to, children, lead, height = 52, more }: DataListProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: items.length, getScrollElement: () => box.current, estimateSize: () => height, overscan: 12 });
  const shown = rows.getVirtualItems();
  const end = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.has && !more.isLoading && end >= items.length - 15) more.load();
  }, [end, items.length, more]);
  return (
    <div className="data-list" ref={box}>
      <ul aria-label={label} style={{ height: rows.getTotalSize() }}>
        {shown.map((row) => {
          const item = items[row.index] as T;
          return (
            <li
              key={keyOf(item)}
              style={{ height, transform: `translateY(${row.start}px)` }}
              aria-setsize={more?.has ? -1 : items.length}
              aria-posinset={row.index + 1}
            >
              {lead && <span className="data-lead">{lead(item)}</span>}
              <Link className="data-row" href={to(item)}>
                {children(item)}
              </Link>
            </li>
          );
        })}
      </ul>
      {more?.isLoading && (
        <p className="quiet small data-more" role="status">
          More is read…
        </p>
      )}
    </div>
  );
}
