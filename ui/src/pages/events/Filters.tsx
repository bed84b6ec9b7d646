// The line of filters. A change counts at once, but what is typed only after a moment.
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';
import { words } from '@/graph/drawing';
import { type EventFilter, isDay } from './filter';

export interface Kind {
  kind: string;
  label: string;
  places: { table: string }[];
}
export interface FiltersProps {
  filter: EventFilter;
  kinds: readonly Kind[];
  narrow: (next: { [Field in keyof EventFilter]?: string | undefined }) => void;
}

const TIMES: [string, string][] = [
  ['', 'Any time'],
  ['1h', 'Last hour'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
  ['days', 'From day to day…'],
];

export function Filters({ filter, kinds, narrow }: FiltersProps) {
  const [entity, setEntity] = useState(filter.entity ?? '');
  const [areDays, setDays] = useState(isDay(filter.since) || filter.until !== undefined);
  const typed = useDebouncedCallback((value: string) => narrow({ entity: value.trim() || undefined }), 300);
  const tables = [...new Set(kinds.flatMap((kind) => kind.places.map((place) => place.table)))].sort();
  const time = (value: string) => {
    setDays(value === 'days');
    narrow({ since: value === 'days' ? undefined : value || undefined, until: undefined });
  };
  return (
    <div className="filters">
      <label className="field grow">
        <span className="sr-only">Customer or row, by id</span>
        <input
          data-search
          type="search"
          placeholder="Customer or row, by id"
          value={entity}
          onChange={(event) => {
            setEntity(event.currentTarget.value);
            typed(event.currentTarget.value);
          }}
        />
        <kbd>/</kbd>
      </label>
      <select
        className="field"
        aria-label="Kind"
        value={filter.type ?? ''}
        onChange={(event) => narrow({ type: event.currentTarget.value || undefined, table: undefined })}
      >
        <option value="">Every kind</option>
        {kinds.map((one) => (
          <option key={one.kind} value={one.kind}>
            {one.label}
          </option>
        ))}
      </select>
      {!filter.type && (
        <select
          className="field"
          aria-label="Table"
          value={filter.table ?? ''}
          onChange={(event) => narrow({ table: event.currentTarget.value || undefined })}
        >
          <option value="">Every table</option>
          {tables.map((one) => (
            <option key={one} value={one}>
              {words(one)}
            </option>
          ))}
        </select>
      )}
      <select
        className="field"
        aria-label="Time"
        value={areDays ? 'days' : (filter.since ?? '')}
        onChange={(event) => time(event.currentTarget.value)}
      >
        {TIMES.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
        {filter.since && !areDays && !TIMES.some(([value]) => value === filter.since) && (
          <option value={filter.since}>Since {filter.since}</option>
        )}
      </select>
      {areDays && (
        <span className="row">
          <label className="field">
            <span className="quiet small">from</span>
            <input type="date" value={filter.since ?? ''} onChange={(event) => narrow({ since: event.currentTarget.value || undefined })} />
          </label>
          <label className="field">
            <span className="quiet small">to</span>
            <input type="date" value={filter.until ?? ''} onChange={(event) => narrow({ until: event.currentTarget.value || undefined })} />
          </label>
        </span>
      )}
    </div>
  );
}
