// The real event whose values are shown while one types.
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { get } from '@/api/client';
import { absolute, useZone } from '@/parts/time';
import { type Catalogue, isTrigger, kindName } from '../catalogue';
import { nodesOf } from '../model';
import { useDrawing, useEdited, useEditor } from '../state';

/** The last events that the drawing's trigger would begin with. */
export function useRecentEvents(catalogue: Catalogue) {
  const drawing = useDrawing();
  const trigger = nodesOf(drawing).find((node) => isTrigger(node, catalogue));
  const kind = trigger && kindName(trigger);
  const events = useQuery({ queryKey: ['events', kind], enabled: kind !== undefined, retry: false, queryFn: () => get('/api/v1/events', { params: { query: { type: kind, limit: 15 } } }) });
  return { kind, trigger, items: events.data?.items, error: events.error };
}

export function EventChoice({ catalogue }: { catalogue: Catalogue }) {
  const editor = useEditor();
  const zone = useZone((state) => state.zone);
  const event = useEdited((state) => state.event);
  const { items } = useRecentEvents(catalogue);
  useEffect(() => {
    if (!event && items?.[0]) editor.getState().set({ event: items[0].id });
  }, [items, event, editor]);
  if (!items || items.length === 0) return null;
  return (
    <label className="event-choice quiet small">Values of
      <select className="input" value={event ?? ''} onChange={(change) => editor.getState().set({ event: change.currentTarget.value })}>
        {items.map((one) => <option key={one.id} value={one.id}>{one.table_name} {one.key?.slice(0, 8) ?? ''} · {absolute(new Date(one.at), zone)}</option>)}
      </select>
    </label>
  );
}
